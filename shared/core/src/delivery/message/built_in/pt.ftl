# Português. Variables: docs/operators/messages.md.
#
# Texts that end in -sms stay inside GSM 03.38: é is in it, á ã ç í ó ú are not. Words without them
# are chosen; only "codigo" goes without its accent, as is usual in SMS.

## Pieces

sentence-space = {" "}
duration-minutes = { $count ->
    [one] { $count } minuto
   *[other] { $count } minutos
}
duration-hours = { $count ->
    [one] { $count } hora
   *[other] { $count } horas
}
duration-days = { $count ->
    [one] { $count } dia
   *[other] { $count } dias
}
sms-validity = Vale por { $duration }.
sms-caution = Nunca compartilhe.
email-validity = Vale por { $duration }.
email-caution = Não compartilhe com ninguém. { $app } nunca vai pedir isso a você.
user-name-line = Login: { $user }
user-name-label = Login
password-label = Senha temporária

## Sign-up

sign-up-sms = { $code } é seu codigo { $app } para criar a conta.
sign-up-subject = Confirme sua conta em { $app }
sign-up-lead = Digite este código para concluir seu cadastro em { $app }.
sign-up-note = Se você não se cadastrou, pode ignorar este e-mail. Nada vai acontecer.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } é seu codigo { $app } para trocar a senha.
forgot-password-subject = Redefina sua senha em { $app }
forgot-password-lead = Digite este código para escolher uma nova senha em { $app }.
forgot-password-note = Se você não pediu uma nova senha, pode ignorar este e-mail. Sua senha continua a mesma.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } é seu codigo { $app } para confirmar este telefone.
update-user-attribute-subject = Confirme seu novo endereço de e-mail
update-user-attribute-lead = Digite este código para usar este endereço de e-mail na sua conta em { $app }.
update-user-attribute-note = Se você não mudou seu endereço de e-mail, pode ignorar esta mensagem. Sem o código, nada muda.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirme seu endereço de e-mail
verify-user-attribute-lead = Digite este código para confirmar que este endereço de e-mail pertence à sua conta em { $app }.
verify-user-attribute-note = Se você não pediu isso, pode ignorar este e-mail. Sem o código, nada muda.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } é sua senha inicial em { $app }.
admin-create-user-subject = Sua nova conta em { $app }
admin-create-user-lead = Criamos uma conta para você em { $app }. Entre com esta senha temporária e depois escolha a sua.
admin-create-user-note = Se você não esperava esta conta, pode ignorar este e-mail.

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } é seu codigo { $app } para entrar.
authentication-subject = Seu código para entrar em { $app }
authentication-lead = Digite este código para entrar em { $app }.
authentication-note = Se você não está entrando agora, outra pessoa pode estar tentando.

## An unusual sign-in

account-take-over-notification-sms = Acesso incomum na sua conta { $app }. Se outra pessoa entrou, troque a senha.
account-take-over-notification-subject = Acesso incomum à sua conta em { $app }
account-take-over-notification-lead = Notamos uma tentativa incomum de entrar na sua conta em { $app }.
account-take-over-notification-blocked = A tentativa foi bloqueada.
account-take-over-notification-note = Se foi você, não precisa fazer nada. Se não foi, troque a senha.
fact-time = Data e hora
fact-place = Local
fact-device = Dispositivo
fact-ip-address = Endereço IP
fact-recovery-code = Código
fact-ready-time = Válido a partir de
link-was-me = Fui eu
link-was-not-me = Não fui eu
link-stop-recovery = Interromper a recuperação
link-lead = Abra este link para confirmar este endereço de e-mail na sua conta em { $app }.
link-note = Se você não pediu isso, pode ignorar esta mensagem. Sem o link, nada muda.

## Notices of changed factors

changed-caution-sms = Se outra pessoa fez isso, troque a senha.
changed-note = Se foi você, não precisa fazer nada. Se não foi, troque a senha e confira seus métodos de acesso.

address-changed-sms = Um contato da sua conta { $app } foi alterado.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Contato alterado
address-changed-lead = O e-mail ou o telefone da sua conta em { $app } foi alterado ou está sendo alterado.
address-changed-note = { changed-note }

authenticator-added-sms = Um app autenticador foi adicionado à sua conta { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Aplicativo autenticador adicionado
authenticator-added-lead = Um aplicativo autenticador foi adicionado à sua conta em { $app }. Os códigos dele permitem entrar na conta.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Um app autenticador foi removido da sua conta { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Aplicativo autenticador removido
authenticator-removed-lead = Um aplicativo autenticador foi removido da sua conta em { $app }. Os códigos dele não funcionam mais.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = O app autenticador da sua conta { $app } deixou de funcionar: outro entra no lugar.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Troca do aplicativo autenticador
authenticator-replaced-lead = Um novo aplicativo autenticador está sendo configurado na sua conta em { $app }. O anterior não funciona mais.
authenticator-replaced-note = { changed-note }

factors-changed-sms = A segunda etapa de acesso da sua conta { $app } foi alterada.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Verificação em duas etapas alterada
factors-changed-lead = A verificação em duas etapas da sua conta em { $app } foi alterada. Ela define o que é pedido quando você entra.
factors-changed-note = { changed-note }

new-device-sms = Acesso na sua conta { $app } por um dispositivo novo.{ sentence-space }{ changed-caution-sms }
new-device-subject = Acesso por um dispositivo novo
new-device-lead = Alguém entrou na sua conta em { $app } por um dispositivo novo.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Sua conta { $app } tem novos codigos de reserva. Os antigos deixaram de funcionar.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Novos códigos de recuperação
recovery-codes-replaced-lead = Novos códigos de recuperação foram criados para sua conta em { $app }. Os antigos não funcionam mais.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Sua conta { $app } agora confia em um novo dispositivo.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Dispositivo confiável adicionado
trusted-device-added-lead = Sua conta em { $app } agora confia em um novo dispositivo. Por tempo limitado, ele substitui um código quando você entra.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Sua conta { $app } deixou de confiar em um dispositivo.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Dispositivo confiável removido
trusted-device-removed-lead = Sua conta em { $app } não confia mais em um dos seus dispositivos. Você vai precisar de um código para entrar nele.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Uma pessoa com sua senha quer recuperar sua conta { $app }.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Recuperação da conta iniciada
recovery-started-lead = Alguém que sabe sua senha começou a recuperar sua conta em { $app }. Para terminar, essa pessoa também precisa de um código de recuperação.
recovery-started-note = { changed-note }

recovery-waiting-sms = Uma pessoa com sua senha quer recuperar sua conta { $app } por e-mail. Entre na conta para impedir.
recovery-waiting-subject = Sua conta está prestes a ser recuperada
recovery-waiting-lead = Alguém que sabe sua senha quer recuperar sua conta em { $app } sem o segundo fator. O código abaixo permite isso, mas não antes do horário indicado. Se não foi você, interrompa agora: use o link ou entre na conta.
recovery-waiting-note = Nunca vamos pedir este código a você.

account-recovered-sms = Sua conta { $app } foi recuperada e tem uma nova senha.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Conta recuperada
account-recovered-lead = Sua conta em { $app } foi recuperada. Ela tem uma nova senha, e todas as sessões e dispositivos foram desconectados. Configure um segundo fator novamente.
account-recovered-note = { changed-note }

changed-by-administrator-sms = Nossa equipe de suporte alterou sua conta { $app }.{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = Alteração feita pelo nosso suporte
changed-by-administrator-lead = Nossa equipe de suporte alterou a forma como você entra na sua conta em { $app }.
changed-by-administrator-note = { changed-note }

welcome-sms = Boas-vindas! Sua conta { $app } foi criada.
welcome-subject = Boas-vindas ao { $app }
welcome-lead = Sua conta em { $app } está pronta. Você já pode entrar.
welcome-note = Se você não criou esta conta, alguém usou seu endereço. Redefina a senha para bloquear o acesso dessa pessoa.

## An unknown purpose, with and without a code

other-sms = { $code } é seu codigo { $app }.
other-subject = Seu código { $app }
other-lead = Digite este código em { $app }.
other-note = Se você não pediu um código, pode ignorar este e-mail.

notice-sms = Temos um aviso sobre sua conta em { $app }. Entre para ler.
notice-subject = Um aviso sobre sua conta em { $app }
notice-lead = Temos um aviso sobre sua conta em { $app }. Entre para ler.
notice-note = Abra { $app } como sempre faz, e não por um link em uma mensagem.
