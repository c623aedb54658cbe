# English. Variables: docs/operators/messages.md.
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
email-caution = Never share it. { $app } will never ask you for it.
user-name-line = User name: { $user }
user-name-label = User name
password-label = Temporary password

## Sign-up

sign-up-sms = { $code } is your { $app } sign-up code.
sign-up-subject = Confirm your { $app } account
sign-up-lead = Enter this code to finish signing up for { $app }.
sign-up-note = If you did not sign up, you can ignore this e-mail. Nothing will happen.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } is your { $app } password reset code.
forgot-password-subject = Reset your { $app } password
forgot-password-lead = Enter this code to choose a new { $app } password.
forgot-password-note = If you did not ask to reset your password, you can ignore this e-mail. Your password stays the same.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } is your { $app } code to confirm this phone number.
update-user-attribute-subject = Confirm your new e-mail address
update-user-attribute-lead = Enter this code to use this e-mail address for your { $app } account.
update-user-attribute-note = If you did not change your e-mail address, you can ignore this e-mail. Nothing changes without the code.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Confirm your e-mail address
verify-user-attribute-lead = Enter this code to confirm that this e-mail address belongs to your { $app } account.
verify-user-attribute-note = If you did not request this, you can ignore this e-mail. Nothing changes without the code.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } is your temporary { $app } password.
admin-create-user-subject = Your new { $app } account
admin-create-user-lead = An account was created for you at { $app }. Sign in with this temporary password, then choose your own.
admin-create-user-note = If you were not expecting this account, you can ignore this e-mail.

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } is your { $app } sign-in code.
authentication-subject = Your { $app } sign-in code
authentication-lead = Enter this code to sign in to { $app }.
authentication-note = If you are not signing in right now, someone else may be trying to.

## An unusual sign-in

account-take-over-notification-sms = Unusual sign-in to your { $app } account. If this was not you, change your password.
account-take-over-notification-subject = Unusual sign-in to your { $app } account
account-take-over-notification-lead = We noticed an unusual attempt to sign in to your { $app } account.
account-take-over-notification-blocked = It was blocked.
account-take-over-notification-note = If this was you, you do not need to do anything. If not, change your password.
fact-time = Time
fact-place = Location
fact-device = Device
fact-ip-address = IP address
fact-recovery-code = Code
fact-ready-time = Valid from
link-was-me = This was me
link-was-not-me = This was not me
link-stop-recovery = Stop the recovery
link-lead = Open this link to confirm this e-mail address for your { $app } account.
link-note = If you did not request this, you can ignore this e-mail. Nothing changes unless you open the link.

## Notices of changed factors

changed-caution-sms = If this was not you, change your password.
changed-note = If this was you, you do not need to do anything. If not, change your password and review your sign-in methods.

address-changed-sms = The contact details of your { $app } account were changed.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Contact details changed
address-changed-lead = The e-mail address or phone number of your { $app } account was changed, or is being changed.
address-changed-note = { changed-note }

authenticator-added-sms = An authenticator app was added to your { $app } account.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Authenticator app added
authenticator-added-lead = An authenticator app was added to your { $app } account. Its codes can be used to sign in.
authenticator-added-note = { changed-note }

authenticator-removed-sms = An authenticator app was removed from your { $app } account.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Authenticator app removed
authenticator-removed-lead = An authenticator app was removed from your { $app } account. Its codes no longer work.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = The authenticator app of your { $app } account no longer works: a new one is being set up.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Authenticator app being replaced
authenticator-replaced-lead = A new authenticator app is being set up for your { $app } account. Your previous app no longer works.
authenticator-replaced-note = { changed-note }

factors-changed-sms = The sign-in verification of your { $app } account was changed.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Sign-in verification changed
factors-changed-lead = The verification that your { $app } account asks for when you sign in was changed.
factors-changed-note = { changed-note }

new-device-sms = Someone signed in to your { $app } account from a new device.{ sentence-space }{ changed-caution-sms }
new-device-subject = Sign-in from a new device
new-device-lead = Someone signed in to your { $app } account from a new device.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Your { $app } account has new recovery codes. Your earlier codes no longer work.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = New recovery codes
recovery-codes-replaced-lead = New recovery codes were created for your { $app } account. Your earlier codes no longer work.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Your { $app } account now trusts a new device.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Trusted device added
trusted-device-added-lead = Your { $app } account now trusts a new device. For a limited time, this device replaces a code when you sign in.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Your { $app } account no longer trusts one of your devices.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Trusted device removed
trusted-device-removed-lead = Your { $app } account no longer trusts one of your devices. You will need a code to sign in on it.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Someone who knows your password is recovering your { $app } account.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Account recovery started
recovery-started-lead = Someone who knows your password has started to recover your { $app } account. They also need a recovery code to finish.
recovery-started-note = { changed-note }

recovery-waiting-sms = Someone who knows your password wants to recover your { $app } account by e-mail. Sign in to stop it.
recovery-waiting-subject = Your account is about to be recovered
recovery-waiting-lead = Someone who knows your password wants to recover your { $app } account without its second factor. The code below makes this possible, but not before the time shown. If this was not you, stop it now: use the link, or sign in.
recovery-waiting-note = We will never ask you for this code.

account-recovered-sms = Your { $app } account was recovered and has a new password.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Account recovered
account-recovered-lead = Your { $app } account was recovered. It has a new password, and all sessions and devices were signed out. Set up a second factor again.
account-recovered-note = { changed-note }

changed-by-administrator-sms = Our support team changed your { $app } account.{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = Account changed by our support team
changed-by-administrator-lead = Our support team changed how you sign in to your { $app } account.
changed-by-administrator-note = { changed-note }

welcome-sms = Welcome! Your { $app } account is ready.
welcome-subject = Welcome to { $app }
welcome-lead = Your { $app } account is ready. You can now sign in.
welcome-note = If you did not create this account, someone used your address. Reset the password to lock them out.

## An unknown purpose, with and without a code

other-sms = { $code } is your { $app } code.
other-subject = Your { $app } code
other-lead = Enter this code in { $app }.
other-note = If you did not request a code, you can ignore this e-mail.

notice-sms = There is a message about your { $app } account. Sign in to read it.
notice-subject = A message about your { $app } account
notice-lead = There is a message about your { $app } account. Sign in to read it.
notice-note = Open { $app } the way you usually do, not through a link in a message.
