# Français. Variables: docs/operators/messages.md.
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
email-caution = Ne le communiquez à personne. { $app } ne vous le demandera jamais.
user-name-line = Nom d'utilisateur: { $user }
user-name-label = Nom d’utilisateur
password-label = Mot de passe provisoire

## Sign-up

sign-up-sms = { $code } est votre code { $app } pour créer votre compte.
sign-up-subject = Confirmez votre compte { $app }
sign-up-lead = Saisissez ce code pour terminer votre inscription sur { $app }.
sign-up-note = Si vous ne vous êtes pas inscrit, ignorez cet e-mail. Rien ne se passera.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } est votre code { $app } pour changer de mot de passe.
forgot-password-subject = Réinitialisez votre mot de passe { $app }
forgot-password-lead = Saisissez ce code pour choisir un nouveau mot de passe sur { $app }.
forgot-password-note = Si vous n’avez pas demandé de nouveau mot de passe, ignorez cet e-mail. Votre mot de passe ne change pas.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } est votre code { $app } pour confirmer ce numéro.
update-user-attribute-subject = Confirmez votre nouvelle adresse e-mail
update-user-attribute-lead = Saisissez ce code pour utiliser cette adresse e-mail avec votre compte { $app }.
update-user-attribute-note = Si vous n’avez pas changé d’adresse e-mail, ignorez ce message. Sans le code, rien ne change.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirmez votre adresse e-mail
verify-user-attribute-lead = Saisissez ce code pour confirmer que cette adresse e-mail appartient à votre compte { $app }.
verify-user-attribute-note = Si vous n’avez rien demandé, ignorez cet e-mail. Sans le code, rien ne change.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } est votre mot de passe provisoire pour { $app }.
admin-create-user-subject = Votre nouveau compte { $app }
admin-create-user-lead = Un compte a été créé pour vous sur { $app }. Connectez-vous avec ce mot de passe provisoire, puis choisissez le vôtre.
admin-create-user-note = Si vous n’attendiez pas ce compte, ignorez cet e-mail.

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } est votre code { $app } pour vous connecter.
authentication-subject = Votre code de connexion { $app }
authentication-lead = Saisissez ce code pour vous connecter à { $app }.
authentication-note = Si vous n’êtes pas en train de vous connecter, quelqu’un d’autre essaie peut-être de le faire.

## An unusual sign-in

account-take-over-notification-sms = Connexion inhabituelle à votre compte { $app }. Si ce n'était pas vous, changez de mot de passe.
account-take-over-notification-subject = Connexion inhabituelle à votre compte { $app }
account-take-over-notification-lead = Nous avons détecté une tentative de connexion inhabituelle à votre compte { $app }.
account-take-over-notification-blocked = Elle a été bloquée.
account-take-over-notification-note = Si c’était vous, vous n’avez rien à faire. Sinon, changez de mot de passe.
fact-time = Date et heure
fact-place = Lieu
fact-device = Appareil
fact-ip-address = Adresse IP
fact-recovery-code = Code
fact-ready-time = Valable à partir du
link-was-me = C’était moi
link-was-not-me = Ce n’était pas moi
link-stop-recovery = Arrêter la récupération
link-lead = Ouvrez ce lien pour confirmer cette adresse e-mail pour votre compte { $app }.
link-note = Si vous n’avez rien demandé, ignorez cet e-mail. Sans le lien, rien ne change.

## Notices of changed factors

changed-caution-sms = Si ce n'était pas vous, changez de mot de passe.
changed-note = Si c’était vous, vous n’avez rien à faire. Sinon, changez de mot de passe et vérifiez vos méthodes de connexion.

address-changed-sms = Les coordonnées de votre compte { $app } ont été modifiées.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Coordonnées modifiées
address-changed-lead = L’adresse e-mail ou le numéro de téléphone de votre compte { $app } a été modifié ou est en cours de modification.
address-changed-note = { changed-note }

authenticator-added-sms = Une application d'authentification a été ajoutée à votre compte { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Application d’authentification ajoutée
authenticator-added-lead = Une application d’authentification a été ajoutée à votre compte { $app }. Ses codes permettent de se connecter.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Une application d'authentification a été supprimée de votre compte { $app }.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Application d’authentification supprimée
authenticator-removed-lead = Une application d’authentification a été supprimée de votre compte { $app }. Ses codes ne fonctionnent plus.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = L'application d'authentification de votre compte { $app } ne marche plus, une autre la remplace.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Remplacement de votre application d’authentification
authenticator-replaced-lead = Une nouvelle application d’authentification est en cours de configuration pour votre compte { $app }. La précédente ne fonctionne plus.
authenticator-replaced-note = { changed-note }

factors-changed-sms = La validation en deux étapes de votre compte { $app } a été modifiée.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Validation en deux étapes modifiée
factors-changed-lead = La validation en deux étapes de votre compte { $app } a été modifiée. Elle détermine ce qui vous est demandé à la connexion.
factors-changed-note = { changed-note }

new-device-sms = Connexion à votre compte { $app } depuis un nouvel appareil.{ sentence-space }{ changed-caution-sms }
new-device-subject = Connexion depuis un nouvel appareil
new-device-lead = Quelqu’un s’est connecté à votre compte { $app } depuis un nouvel appareil.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Votre compte { $app } a de nouveaux codes de récupération. Les anciens ne marchent plus.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Nouveaux codes de récupération
recovery-codes-replaced-lead = De nouveaux codes de récupération ont été créés pour votre compte { $app }. Les anciens ne fonctionnent plus.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Un appareil de confiance a été ajouté à votre compte { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Appareil de confiance ajouté
trusted-device-added-lead = Votre compte { $app } fait désormais confiance à un nouvel appareil. Pendant une durée limitée, il remplace un code à la connexion.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Un appareil de confiance a été retiré de votre compte { $app }.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Appareil de confiance retiré
trusted-device-removed-lead = Votre compte { $app } ne fait plus confiance à l’un de vos appareils. Un code vous y sera demandé à la connexion.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Quelqu'un qui a votre mot de passe récupère votre compte { $app }.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Récupération de compte commencée
recovery-started-lead = Quelqu’un qui connaît votre mot de passe a commencé à récupérer votre compte { $app }. Il lui faut encore un code de récupération pour terminer.
recovery-started-note = { changed-note }

recovery-waiting-sms = Quelqu'un qui a votre mot de passe veut récupérer votre compte { $app } par e-mail. Connectez-vous pour y mettre fin.
recovery-waiting-subject = Votre compte va être récupéré
recovery-waiting-lead = Quelqu’un qui connaît votre mot de passe veut récupérer votre compte { $app } sans le second facteur. Le code ci-dessous le permet, mais pas avant l’heure indiquée. Si ce n’est pas vous, arrêtez la récupération maintenant, avec le lien ou en vous connectant.
recovery-waiting-note = Nous ne vous demanderons jamais ce code.

account-recovered-sms = Votre compte { $app } a été récupéré, avec un nouveau mot de passe.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Compte récupéré
account-recovered-lead = Votre compte { $app } a été récupéré. Il a un nouveau mot de passe, et toutes les sessions et tous les appareils ont été déconnectés. Configurez de nouveau un second facteur.
account-recovered-note = { changed-note }

changed-by-administrator-sms = Notre assistance a modifié votre compte { $app }.{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = Modification par notre assistance
changed-by-administrator-lead = Notre assistance a modifié la façon dont vous vous connectez à { $app }.
changed-by-administrator-note = { changed-note }

welcome-sms = Bienvenue. Votre compte { $app } est actif.
welcome-subject = Bienvenue sur { $app }
welcome-lead = Votre compte { $app } est prêt. Vous pouvez maintenant vous connecter.
welcome-note = Si vous n’avez pas créé ce compte, quelqu’un a utilisé votre adresse. Réinitialisez le mot de passe pour lui bloquer l’accès.

## An unknown purpose, with and without a code

other-sms = { $code } est votre code { $app }.
other-subject = Votre code { $app }
other-lead = Saisissez ce code sur { $app }.
other-note = Si vous n’avez pas demandé de code, ignorez cet e-mail.

notice-sms = Vous avez un message sur votre compte { $app }. Connectez-vous pour le lire.
notice-subject = Un message au sujet de votre compte { $app }
notice-lead = Vous avez un message au sujet de votre compte { $app }. Connectez-vous pour le lire.
notice-note = Ouvrez { $app } comme d’habitude, et non par un lien reçu dans un message.
