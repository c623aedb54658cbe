# English. Variables: docs/MESSAGES.md.
#
# Texts that end in -sms stay inside GSM 03.38 (straight apostrophes, no dashes): one segment has 160
# of its characters, but 70 of any others.

## Pieces

sentence-space = {" "}
duration-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
duration-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
duration-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
sms-validity = Valid for { $duration }.
sms-caution = Never share it.
email-validity = Valid for { $duration }.
email-caution = Never pass it on: nobody at { $app } will ask you for it.
user-name-line = User name: { $user }
user-name-label = User name
password-label = Temporary password

## Sign-up

sign-up-sms = { $code } is your { $app } sign-up code.
sign-up-subject = Confirm your { $app } account
sign-up-lead = Enter this code to finish signing up for { $app }.
sign-up-note = If you did not sign up, ignore this e-mail: nothing will happen.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } is your { $app } password reset code.
forgot-password-subject = Reset your { $app } password
forgot-password-lead = Enter this code to choose a new password for { $app }.
forgot-password-note = If you did not ask for a new password, ignore this e-mail: your password stays as it is.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } is your { $app } code to confirm this phone number.
update-user-attribute-subject = Confirm your new e-mail address
update-user-attribute-lead = Enter this code to use this e-mail address for your { $app } account.
update-user-attribute-note = If you did not change your e-mail address, ignore this e-mail: without the code nothing changes.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirm your e-mail address
verify-user-attribute-lead = Enter this code to confirm that this e-mail address belongs to your { $app } account.
verify-user-attribute-note = If you did not ask for this, ignore this e-mail: without the code nothing changes.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } is your temporary { $app } password.
admin-create-user-subject = Your new { $app } account
admin-create-user-lead = An account was created for you at { $app }. Sign in with this temporary password; you will then choose your own.
admin-create-user-note = If you do not expect this account, ignore this e-mail.

## Signing in: as a second factor, or with nothing but the code

authentication-sms = { $code } is your { $app } sign-in code.
authentication-subject = Your { $app } sign-in code
authentication-lead = Enter this code to sign in to { $app }.
authentication-note = If you are not signing in right now, somebody else may be trying to.

## An unusual sign-in

account-take-over-notification-sms = Unusual sign-in to your { $app } account. If it was not you, change your password.
account-take-over-notification-subject = Unusual sign-in to your { $app } account
account-take-over-notification-lead = We noticed an unusual attempt to sign in to your { $app } account.
account-take-over-notification-blocked = It was blocked.
account-take-over-notification-note = If it was you, there is nothing to do. If not, change your password.
fact-time = Time
fact-place = Place
fact-device = Device
fact-ip-address = IP address
fact-recovery-code = Code
fact-ready-time = Not before
link-was-me = It was me
link-was-not-me = It was not me
link-stop-recovery = Stop it
link-lead = Open this link to confirm this e-mail address for your { $app } account.
link-note = If you did not ask for this, ignore this e-mail: without the link nothing changes.

## What was changed about the user's factors

changed-caution-sms = If it was not you, change your password.
changed-note = If it was you, there is nothing to do. If not, change your password and look at your factors.

address-changed-sms = An address of your { $app } account was changed.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Address changed
address-changed-lead = The e-mail address or phone number of your { $app } account was changed, or is being changed.
address-changed-note = { changed-note }

authenticator-added-sms = An authenticator app was added to your { $app } account.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Authenticator app added
authenticator-added-lead = An authenticator app was added to your { $app } account. Its codes can be used to sign in.
authenticator-added-note = { changed-note }

authenticator-removed-sms = An authenticator app was removed from your { $app } account.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Authenticator app removed
authenticator-removed-lead = An authenticator app was removed from your { $app } account. Its codes work no more.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = The authenticator app of your { $app } account stopped working: another one is being set up.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Authenticator app being replaced
authenticator-replaced-lead = Another authenticator app is being set up for your { $app } account. The one before stopped working.
authenticator-replaced-note = { changed-note }

factors-changed-sms = The second factors of your { $app } account were changed.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Second factors changed
factors-changed-lead = It was changed what your { $app } account asks for when you sign in.
factors-changed-note = { changed-note }

new-device-sms = Sign-in to your { $app } account from a new device.{ sentence-space }{ changed-caution-sms }
new-device-subject = Sign-in from a new device
new-device-lead = Your { $app } account was used to sign in from a device that it did not know.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Your { $app } account has new recovery codes; earlier ones work no more.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = New recovery codes
recovery-codes-replaced-lead = New recovery codes were made for your { $app } account. Earlier ones work no more.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = A device is now trusted by your { $app } account.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Device trusted
trusted-device-added-lead = Your { $app } account now trusts a device: for some time it stands for a code when you sign in there.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = A device is no longer trusted by your { $app } account.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Device no longer trusted
trusted-device-removed-lead = Your { $app } account no longer trusts a device: you will be asked for a code there.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Somebody with your password is recovering your { $app } account.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Account recovery begun
recovery-started-lead = Somebody who knows your password has begun to recover your { $app } account. That takes a recovery code as well.
recovery-started-note = { changed-note }

recovery-waiting-sms = Somebody with your password wants to recover your { $app } account by e-mail. Sign in to stop it.
recovery-waiting-subject = Your account is about to be recovered
recovery-waiting-lead = Somebody who knows your password wants to recover your { $app } account without its second factor. It can be done with the code below, but not before the time below. If it was not you, stop it now: with the link, or by signing in.
recovery-waiting-note = We will never ask you for this code.

account-recovered-sms = Your { $app } account was recovered and has a new password.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Account recovered
account-recovered-lead = Your { $app } account was recovered: it has a new password, and all sessions and devices were signed out. Set up a second factor again.
account-recovered-note = { changed-note }

changed-by-support-sms = Our support has changed your { $app } account.{ sentence-space }{ changed-caution-sms }
changed-by-support-subject = Changed by our support
changed-by-support-lead = Our support has changed something about how you sign in to your { $app } account.
changed-by-support-note = { changed-note }

welcome-sms = Your { $app } account is ready. Welcome.
welcome-subject = Welcome to { $app }
welcome-lead = Your { $app } account is ready. You can sign in now.
welcome-note = If you did not open this account, set a new password: whoever did used your address.

## A purpose that is not known: with a code, and without

other-sms = { $code } is your { $app } code.
other-subject = Your { $app } code
other-lead = Enter this code at { $app }.
other-note = If you did not ask for a code, ignore this e-mail.

notice-sms = There is a notice about your { $app } account. Sign in to see it.
notice-subject = A notice about your { $app } account
notice-lead = There is a notice about your { $app } account. Sign in to see it.
notice-note = Open { $app } as you always do, not by a link in a message.
