# Español. Variables: docs/MESSAGES.md.
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
email-caution = No lo comparta con nadie: en { $app } nadie se lo pedirá.
user-name-line = Usuario: { $user }
user-name-label = Usuario
password-label = Contraseña temporal

## Sign-up

sign-up-sms = { $code } es su clave de { $app } para crear la cuenta.
sign-up-subject = Confirme su cuenta de { $app }
sign-up-lead = Introduzca este código para terminar de registrarse en { $app }.
sign-up-note = Si no se ha registrado, ignore este correo: no pasará nada.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } es su clave de { $app } para cambiar la contraseña.
forgot-password-subject = Nueva contraseña de { $app }
forgot-password-lead = Introduzca este código para elegir una nueva contraseña de { $app }.
forgot-password-note = Si no ha pedido una nueva contraseña, ignore este correo: la suya no cambia.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } es su clave de { $app } para confirmar este teléfono.
update-user-attribute-subject = Confirme su nueva dirección de correo
update-user-attribute-lead = Introduzca este código para usar esta dirección de correo en su cuenta de { $app }.
update-user-attribute-note = Si no ha cambiado su dirección de correo, ignore este mensaje: sin el código no cambia nada.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirme su dirección de correo
verify-user-attribute-lead = Introduzca este código para confirmar que esta dirección de correo es de su cuenta de { $app }.
verify-user-attribute-note = Si no lo ha pedido, ignore este correo: sin el código no cambia nada.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } es su contraseña temporal de { $app }.
admin-create-user-subject = Su nueva cuenta de { $app }
admin-create-user-lead = Se ha creado una cuenta para usted en { $app }. Entre con esta contraseña temporal; después elegirá la suya.
admin-create-user-note = Si no espera esta cuenta, ignore este correo.

## Signing in: as a second factor, or with nothing but the code

authentication-sms = { $code } es su clave para entrar en { $app }.
authentication-subject = Su código para entrar en { $app }
authentication-lead = Introduzca este código para entrar en { $app }.
authentication-note = Si no está entrando ahora mismo, puede que otra persona lo esté intentando.

## An unusual sign-in

account-take-over-notification-sms = Acceso inusual a su cuenta de { $app }. Si no ha sido usted, cambie la contraseña.
account-take-over-notification-subject = Acceso inusual a su cuenta de { $app }
account-take-over-notification-lead = Hemos detectado un intento inusual de entrar en su cuenta de { $app }.
account-take-over-notification-blocked = Ha sido bloqueado.
account-take-over-notification-note = Si ha sido usted, no tiene que hacer nada. Si no, cambie la contraseña.
fact-time = Fecha y hora
fact-place = Lugar
fact-device = Dispositivo
fact-ip-address = Dirección IP
fact-recovery-code = Código
fact-ready-time = No antes de
link-was-me = He sido yo
link-was-not-me = No he sido yo
link-stop-recovery = Detener
link-lead = Abra este enlace para confirmar esta dirección de correo para su cuenta de { $app }.
link-note = Si no lo ha solicitado, ignore este mensaje: sin el enlace no cambia nada.

## What was changed about the user's factors

changed-caution-sms = Si no ha sido usted, cambie la contraseña.
changed-note = Si ha sido usted, no tiene que hacer nada. Si no, cambie la contraseña y revise sus factores.

address-changed-sms = Los datos de contacto de su cuenta de { $app } han cambiado.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Dirección cambiada
address-changed-lead = La dirección de correo o el número de teléfono de su cuenta de { $app } se ha cambiado o se está cambiando.
address-changed-note = { changed-note }

authenticator-added-sms = Se ha añadido un autenticador a su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Aplicación de autenticación añadida
authenticator-added-lead = Se ha añadido una aplicación de autenticación a su cuenta de { $app }. Sus códigos sirven para entrar.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Se ha quitado un autenticador de su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Aplicación de autenticación eliminada
authenticator-removed-lead = Se ha eliminado una aplicación de autenticación de su cuenta de { $app }. Sus códigos ya no sirven.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = El autenticador de su cuenta de { $app } ya no sirve: se prepara otro.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Cambio de aplicación de autenticación
authenticator-replaced-lead = Se está configurando otra aplicación de autenticación para su cuenta de { $app }. La anterior ya no sirve.
authenticator-replaced-note = { changed-note }

factors-changed-sms = Se han cambiado los segundos factores de su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Segundos factores cambiados
factors-changed-lead = Se ha cambiado lo que su cuenta de { $app } le pide al entrar.
factors-changed-note = { changed-note }

new-device-sms = Acceso a su cuenta de { $app } desde un dispositivo nuevo.{ sentence-space }{ changed-caution-sms }
new-device-subject = Acceso desde un dispositivo nuevo
new-device-lead = Se ha entrado en su cuenta de { $app } desde un dispositivo que no conocía.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Su cuenta de { $app } tiene claves de respaldo nuevas; las anteriores ya no sirven.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Códigos de recuperación nuevos
recovery-codes-replaced-lead = Se han creado códigos de recuperación nuevos para su cuenta de { $app }. Los anteriores ya no sirven.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Un dispositivo es ahora de confianza para su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Dispositivo de confianza añadido
trusted-device-added-lead = Su cuenta de { $app } confía ahora en un dispositivo: durante un tiempo sustituye allí a un código al entrar.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Un dispositivo ya no es de confianza para su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Dispositivo ya no de confianza
trusted-device-removed-lead = Su cuenta de { $app } ya no confía en un dispositivo: allí se le pedirá un código.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Alguien con su contraseña quiere recuperar su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Recuperación iniciada
recovery-started-lead = Alguien que conoce su contraseña ha empezado a recuperar su cuenta de { $app }. Para ello hace falta además un código de recuperación.
recovery-started-note = { changed-note }

recovery-waiting-sms = Alguien con su contraseña quiere recuperar su cuenta de { $app } por correo. Para impedirlo, entre en su cuenta.
recovery-waiting-subject = Se va a recuperar su cuenta
recovery-waiting-lead = Alguien que conoce su contraseña quiere recuperar su cuenta de { $app } sin el segundo factor. Podrá hacerlo con el código de abajo, pero no antes de la hora indicada. Si no ha sido usted, deténgalo ahora: con el enlace o iniciando sesión.
recovery-waiting-note = Nunca le pediremos este código.

account-recovered-sms = Su cuenta de { $app } se ha recuperado y tiene otra contraseña.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Cuenta recuperada
account-recovered-lead = Su cuenta de { $app } se ha recuperado: tiene otra contraseña y se han cerrado todas las sesiones y dispositivos. Configure de nuevo un segundo factor.
account-recovered-note = { changed-note }

changed-by-support-sms = Nuestro soporte ha cambiado su cuenta de { $app }.{ sentence-space }{ changed-caution-sms }
changed-by-support-subject = Cambio de nuestro soporte
changed-by-support-lead = Nuestro soporte ha cambiado algo de la forma en que usted entra en { $app }.
changed-by-support-note = { changed-note }

welcome-sms = Su cuenta de { $app } ya funciona. Le damos la bienvenida.
welcome-subject = Le damos la bienvenida a { $app }
welcome-lead = Su cuenta de { $app } está lista. Ya puede entrar.
welcome-note = Si usted no ha abierto esta cuenta, cambie la contraseña: alguien ha usado su dirección.

## A purpose that is not known: with a code, and without

other-sms = { $code } es su clave de { $app }.
other-subject = Su código de { $app }
other-lead = Introduzca este código en { $app }.
other-note = Si no ha pedido ningún código, ignore este correo.

notice-sms = Hay un aviso sobre su cuenta de { $app }. Entre para leerlo.
notice-subject = Un aviso sobre su cuenta de { $app }
notice-lead = Hay un aviso sobre su cuenta de { $app }. Entre para leerlo.
notice-note = Abra { $app } como siempre, no por un enlace de un mensaje.
