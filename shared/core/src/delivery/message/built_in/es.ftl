# Español. Variables: docs/operators/messages.md.
#
# Texts that end in -sms stay inside GSM 03.38: é ñ ¿ ¡ are in it, á í ó ú are not. Hence "clave",
# where e-mails say "código".

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
    [one] { $count } día
   *[other] { $count } días
}
sms-validity = Caduca en { $duration }.
sms-caution = No la comparta.
email-validity = Caduca en { $duration }.
email-caution = No lo comparta con nadie. { $app } nunca se lo pedirá.
user-name-line = Usuario: { $user }
user-name-label = Usuario
password-label = Contraseña temporal

## Sign-up

sign-up-sms = { $code } es su clave de { $app } para crear la cuenta.
sign-up-subject = Confirme su cuenta de { $app }
sign-up-lead = Introduzca este código para terminar de registrarse en { $app }.
sign-up-note = Si no se ha registrado, puede ignorar este correo. No ocurrirá nada.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } es su clave de { $app } para cambiar la contraseña.
forgot-password-subject = Restablezca su contraseña de { $app }
forgot-password-lead = Introduzca este código para elegir una contraseña nueva de { $app }.
forgot-password-note = Si no ha solicitado una contraseña nueva, puede ignorar este correo. Su contraseña no cambiará.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } es su clave de { $app } para confirmar este teléfono.
update-user-attribute-subject = Confirme su nueva dirección de correo
update-user-attribute-lead = Introduzca este código para usar esta dirección de correo en su cuenta de { $app }.
update-user-attribute-note = Si no ha cambiado su dirección de correo, puede ignorar este mensaje. Sin el código no cambia nada.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirme su dirección de correo
verify-user-attribute-lead = Introduzca este código para confirmar que esta dirección de correo pertenece a su cuenta de { $app }.
verify-user-attribute-note = Si no lo ha solicitado, puede ignorar este correo. Sin el código no cambia nada.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } es su contraseña temporal de { $app }.
admin-create-user-subject = Su nueva cuenta de { $app }
admin-create-user-lead = Hemos creado una cuenta para usted en { $app }. Inicie sesión con esta contraseña temporal y elija después la suya.
admin-create-user-note = Si no esperaba esta cuenta, puede ignorar este correo.

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } es su clave para entrar en { $app }.
authentication-subject = Su código de inicio de sesión en { $app }
authentication-lead = Introduzca este código para iniciar sesión en { $app }.
authentication-note = Si no está iniciando sesión ahora mismo, es posible que otra persona lo esté intentando.

## An unusual sign-in

account-take-over-notification-sms = Acceso inusual a su cuenta de { $app }. Si no ha sido usted, cambie la contraseña.
account-take-over-notification-subject = Acceso inusual a su cuenta de { $app }
account-take-over-notification-lead = Hemos detectado un intento inusual de iniciar sesión en su cuenta de { $app }.
account-take-over-notification-blocked = El intento se ha bloqueado.
account-take-over-notification-note = Si ha sido usted, no tiene que hacer nada. Si no, cambie la contraseña.
fact-time = Fecha y hora
fact-place = Lugar
fact-device = Dispositivo
fact-ip-address = Dirección IP
fact-recovery-code = Código
fact-ready-time = Válido desde
link-was-me = He sido yo
link-was-not-me = No he sido yo
link-stop-recovery = Detener la recuperación
link-lead = Abra este enlace para confirmar esta dirección de correo para su cuenta de { $app }.
link-note = Si no lo ha solicitado, puede ignorar este mensaje. Sin el enlace no cambia nada.

## Notices of changed factors

changed-caution-sms = Si no ha sido usted, cambie la contraseña.
changed-note = Si ha sido usted, no tiene que hacer nada. Si no, cambie la contraseña y revise sus métodos de inicio de sesión.

address-changed-sms = Los datos de contacto de su cuenta de { $app } han cambiado.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Datos de contacto modificados
address-changed-lead = La dirección de correo o el número de teléfono de su cuenta de { $app } se ha modificado o se está modificando.
address-changed-note = { changed-note }

authenticator-added-sms = Se ha añadido un autenticador a su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Aplicación de autenticación añadida
authenticator-added-lead = Se ha añadido una aplicación de autenticación a su cuenta de { $app }. Sus códigos permiten iniciar sesión.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Se ha quitado un autenticador de su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Aplicación de autenticación eliminada
authenticator-removed-lead = Se ha eliminado una aplicación de autenticación de su cuenta de { $app }. Sus códigos ya no funcionan.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = El autenticador de su cuenta de { $app } ya no funciona: otro lo reemplaza.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Cambio de aplicación de autenticación
authenticator-replaced-lead = Se está configurando una nueva aplicación de autenticación para su cuenta de { $app }. La anterior ya no funciona.
authenticator-replaced-note = { changed-note }

factors-changed-sms = Se ha cambiado el segundo paso de acceso a su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Cambios en la verificación de inicio de sesión
factors-changed-lead = Se ha cambiado la verificación que su cuenta de { $app } pide al iniciar sesión.
factors-changed-note = { changed-note }

new-device-sms = Acceso a su cuenta de { $app } desde un dispositivo nuevo.{ sentence-space }{ changed-caution-sms }
new-device-subject = Acceso desde un dispositivo nuevo
new-device-lead = Alguien ha iniciado sesión en su cuenta de { $app } desde un dispositivo nuevo.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Su cuenta de { $app } tiene claves de respaldo nuevas; las anteriores ya no sirven.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Códigos de recuperación nuevos
recovery-codes-replaced-lead = Se han creado códigos de recuperación nuevos para su cuenta de { $app }. Los anteriores ya no funcionan.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Su cuenta de { $app } tiene un nuevo dispositivo de confianza.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Dispositivo de confianza añadido
trusted-device-added-lead = Su cuenta de { $app } tiene un nuevo dispositivo de confianza. Durante un tiempo, este dispositivo sustituye a un código al iniciar sesión.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Se ha quitado un dispositivo de confianza de su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Dispositivo de confianza eliminado
trusted-device-removed-lead = Se ha eliminado un dispositivo de confianza de su cuenta de { $app }. Para iniciar sesión en él necesitará un código.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Alguien con su contraseña quiere recuperar su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Recuperación de la cuenta iniciada
recovery-started-lead = Alguien que conoce su contraseña ha empezado a recuperar su cuenta de { $app }. Para terminar necesita además un código de recuperación.
recovery-started-note = { changed-note }

recovery-waiting-sms = Alguien con su contraseña quiere recuperar su cuenta de { $app } por correo. Para impedirlo, entre en su cuenta.
recovery-waiting-subject = Se va a recuperar su cuenta
recovery-waiting-lead = Alguien que conoce su contraseña quiere recuperar su cuenta de { $app } sin el segundo factor. Podrá hacerlo con el código que aparece abajo, pero no antes de la hora indicada. Si no ha sido usted, deténgalo ahora: use el enlace o inicie sesión.
recovery-waiting-note = Nunca le pediremos este código.

account-recovered-sms = Su cuenta de { $app } se ha recuperado y tiene una contraseña nueva.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Cuenta recuperada
account-recovered-lead = Su cuenta de { $app } se ha recuperado. Tiene una contraseña nueva, y se ha cerrado la sesión en todos los dispositivos. Vuelva a configurar un segundo factor.
account-recovered-note = { changed-note }

changed-by-administrator-sms = Nuestro equipo de soporte ha modificado su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = Cambios realizados por nuestro soporte
changed-by-administrator-lead = Nuestro equipo de soporte ha modificado la forma en que usted inicia sesión en { $app }.
changed-by-administrator-note = { changed-note }

welcome-sms = Le damos la bienvenida. Su cuenta de { $app } ya funciona.
welcome-subject = Le damos la bienvenida a { $app }
welcome-lead = Su cuenta de { $app } está lista. Ya puede iniciar sesión.
welcome-note = Si usted no ha creado esta cuenta, alguien ha usado su dirección. Restablezca la contraseña para impedirle el acceso.

## An unknown purpose, with and without a code

other-sms = { $code } es su clave de { $app }.
other-subject = Su código de { $app }
other-lead = Introduzca este código en { $app }.
other-note = Si no ha solicitado ningún código, puede ignorar este correo.

notice-sms = Hay un aviso sobre su cuenta de { $app }. Entre para leerlo.
notice-subject = Un aviso sobre su cuenta de { $app }
notice-lead = Hay un aviso sobre su cuenta de { $app }. Inicie sesión para leerlo.
notice-note = Abra { $app } como siempre, no desde un enlace de un mensaje.
