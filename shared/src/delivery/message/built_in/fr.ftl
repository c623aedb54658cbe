# Français. Variables: docs/MESSAGES.md.
#
# Texts that end in -sms stay inside GSM 03.38: é è à ù are in it, ê ç î and ’ are not. Never "de"
# before the app's name: it would have to become "d’" before a vowel.

## Pieces

sentence-space = {" "}
duration-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
duration-hours = { $count ->
    [one] { $count } heure
   *[other] { $count } heures
}
duration-days = { $count ->
    [one] { $count } jour
   *[other] { $count } jours
}
sms-validity = Valable { $duration }.
sms-caution = Ne le donnez à personne.
email-validity = Valable { $duration }.
email-caution = Ne le donnez à personne : chez { $app }, personne ne vous le demandera.
user-name-line = Nom d'utilisateur : { $user }
user-name-label = Nom d’utilisateur
password-label = Mot de passe provisoire

## Sign-up

sign-up-sms = { $code } est votre code { $app } pour créer votre compte.
sign-up-subject = Confirmez votre compte { $app }
sign-up-lead = Saisissez ce code pour terminer votre inscription sur { $app }.
sign-up-note = Si vous ne vous êtes pas inscrit, ignorez cet e-mail : rien ne se passera.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } est votre code { $app } pour changer de mot de passe.
forgot-password-subject = Nouveau mot de passe { $app }
forgot-password-lead = Saisissez ce code pour choisir un nouveau mot de passe sur { $app }.
forgot-password-note = Si vous n’avez pas demandé de nouveau mot de passe, ignorez cet e-mail : le vôtre ne change pas.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } est votre code { $app } pour confirmer ce numéro.
update-user-attribute-subject = Confirmez votre nouvelle adresse e-mail
update-user-attribute-lead = Saisissez ce code pour utiliser cette adresse e-mail avec votre compte { $app }.
update-user-attribute-note = Si vous n’avez pas changé d’adresse e-mail, ignorez cet e-mail : sans le code, rien ne change.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirmez votre adresse e-mail
verify-user-attribute-lead = Saisissez ce code pour confirmer que cette adresse e-mail appartient à votre compte { $app }.
verify-user-attribute-note = Si vous n’avez rien demandé, ignorez cet e-mail : sans le code, rien ne change.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } est votre mot de passe provisoire pour { $app }.
admin-create-user-subject = Votre nouveau compte { $app }
admin-create-user-lead = Un compte a été créé pour vous sur { $app }. Connectez-vous avec ce mot de passe provisoire ; vous choisirez ensuite le vôtre.
admin-create-user-note = Si vous n’attendez pas ce compte, ignorez cet e-mail.

## Signing in: as a second factor, or with nothing but the code

authentication-sms = { $code } est votre code { $app } pour vous connecter.
authentication-subject = Votre code de connexion { $app }
authentication-lead = Saisissez ce code pour vous connecter à { $app }.
authentication-note = Si vous n’êtes pas en train de vous connecter, quelqu’un d’autre essaie peut-être de le faire.

## An unusual sign-in

account-take-over-notification-sms = Connexion inhabituelle à votre compte { $app }. Si ce n'est pas vous, changez de mot de passe.
account-take-over-notification-subject = Connexion inhabituelle à votre compte { $app }
account-take-over-notification-lead = Nous avons remarqué une tentative inhabituelle de connexion à votre compte { $app }.
account-take-over-notification-blocked = Elle a été bloquée.
account-take-over-notification-note = Si c’était vous, il n’y a rien à faire. Sinon, changez de mot de passe.
fact-time = Date et heure
fact-place = Lieu
fact-device = Appareil
fact-ip-address = Adresse IP
fact-recovery-code = Code
fact-ready-time = Pas avant
link-was-me = C’était moi
link-was-not-me = Ce n’était pas moi
link-stop-recovery = Arrêter
link-lead = Ouvrez ce lien pour confirmer cette adresse e-mail pour votre compte { $app }.
link-note = Si vous ne l’avez pas demandé, ignorez cet e-mail : sans le lien, rien ne change.

## What was changed about the user's factors

changed-caution-sms = Si ce n'est pas vous, changez de mot de passe.
changed-note = Si c’était vous, il n’y a rien à faire. Sinon, changez de mot de passe et vérifiez vos facteurs.

address-changed-sms = Une adresse de votre compte { $app } a été modifiée.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Adresse modifiée
address-changed-lead = L’adresse e-mail ou le numéro de téléphone de votre compte { $app } a été modifié ou est en cours de modification.
address-changed-note = { changed-note }

authenticator-added-sms = Une application d'authentification a été ajoutée à votre compte { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Application d’authentification ajoutée
authenticator-added-lead = Une application d’authentification a été ajoutée à votre compte { $app }. Ses codes permettent de se connecter.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Une application d'authentification a été retirée de votre compte { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Application d’authentification retirée
authenticator-removed-lead = Une application d’authentification a été retirée de votre compte { $app }. Ses codes ne valent plus.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = L'application d'authentification de votre compte { $app } ne marche plus : une autre la remplace.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Application d’authentification remplacée
authenticator-replaced-lead = Une autre application d’authentification est en cours d’installation pour votre compte { $app }. La précédente ne fonctionne plus.
authenticator-replaced-note = { changed-note }

factors-changed-sms = Les seconds facteurs de votre compte { $app } ont été modifiés.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Seconds facteurs modifiés
factors-changed-lead = Ce que votre compte { $app } demande à la connexion a été modifié.
factors-changed-note = { changed-note }

new-device-sms = Connexion à votre compte { $app } depuis un nouvel appareil.{ sentence-space }{ changed-caution-sms }
new-device-subject = Connexion depuis un nouvel appareil
new-device-lead = Une connexion à votre compte { $app } a eu lieu depuis un appareil qu’il ne connaissait pas.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Votre compte { $app } a de nouveaux codes de secours ; les anciens ne valent plus.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Nouveaux codes de secours
recovery-codes-replaced-lead = De nouveaux codes de secours ont été créés pour votre compte { $app }. Les anciens ne valent plus.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Un appareil de confiance a été ajouté à votre compte { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Appareil de confiance ajouté
trusted-device-added-lead = Votre compte { $app } fait désormais confiance à un appareil : pendant quelque temps, il y tient lieu de code à la connexion.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Un appareil de confiance a été retiré de votre compte { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Appareil de confiance retiré
trusted-device-removed-lead = Votre compte { $app } ne fait plus confiance à un appareil : un code vous y sera demandé.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Quelqu'un qui a votre mot de passe restaure votre compte { $app }.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Restauration commencée
recovery-started-lead = Quelqu’un qui connaît votre mot de passe a commencé à restaurer votre compte { $app }. Il faut encore un code de récupération.
recovery-started-note = { changed-note }

recovery-waiting-sms = Quelqu'un qui a votre mot de passe veut restaurer votre compte { $app } par e-mail. Connectez-vous pour y mettre fin.
recovery-waiting-subject = Votre compte va être restauré
recovery-waiting-lead = Quelqu’un qui connaît votre mot de passe veut restaurer votre compte { $app } sans le second facteur. Il le pourra avec le code ci-dessous, mais pas avant l’heure indiquée. Si ce n’est pas vous, arrêtez-le maintenant : par le lien, ou en vous connectant.
recovery-waiting-note = Nous ne vous demanderons jamais ce code.

account-recovered-sms = Votre compte { $app } est restauré, avec un nouveau mot de passe.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Compte restauré
account-recovered-lead = Votre compte { $app } a été restauré : il a un nouveau mot de passe, et toutes les sessions et tous les appareils ont été déconnectés. Configurez de nouveau un second facteur.
account-recovered-note = { changed-note }

changed-by-support-sms = Notre assistance a modifié votre compte { $app }.{ sentence-space }{ changed-caution-sms }
changed-by-support-subject = Modifié par notre assistance
changed-by-support-lead = Notre assistance a modifié la façon dont vous vous connectez à { $app }.
changed-by-support-note = { changed-note }

welcome-sms = Votre compte { $app } est actif. Bienvenue.
welcome-subject = Bienvenue sur { $app }
welcome-lead = Votre compte { $app } est prêt. Vous pouvez maintenant vous connecter.
welcome-note = Si vous n’avez pas ouvert ce compte, changez le mot de passe : quelqu’un a utilisé votre adresse.

## A purpose that is not known: with a code, and without

other-sms = { $code } est votre code { $app }.
other-subject = Votre code { $app }
other-lead = Saisissez ce code sur { $app }.
other-note = Si vous n’avez pas demandé de code, ignorez cet e-mail.

notice-sms = Un avis concerne votre compte { $app }. Connectez-vous pour le lire.
notice-subject = Un avis sur votre compte { $app }
notice-lead = Un avis concerne votre compte { $app }. Connectez-vous pour le lire.
notice-note = Ouvrez { $app } comme toujours, et non par un lien dans un message.
