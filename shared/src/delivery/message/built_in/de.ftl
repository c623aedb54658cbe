# Deutsch. Variables: docs/MESSAGES.md.
#
# Texts that end in -sms stay inside GSM 03.38: umlauts and ß are in it, typographic quotes are not.

## Pieces

sentence-space = {" "}
duration-minutes = { $count ->
    [one] { $count } Minute
   *[other] { $count } Minuten
}
duration-hours = { $count ->
    [one] { $count } Stunde
   *[other] { $count } Stunden
}
duration-days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}
sms-validity = { $duration } gültig.
sms-caution = Nie weitergeben.
email-validity = { $duration } gültig.
email-caution = Nie weitergeben: Niemand von { $app } wird Sie danach fragen.
user-name-line = Benutzername: { $user }
user-name-label = Benutzername
password-label = Vorläufiges Passwort

## Sign-up

sign-up-sms = { $code } ist Ihr { $app }-Code für die Registrierung.
sign-up-subject = Bestätigen Sie Ihr Konto bei { $app }
sign-up-lead = Geben Sie diesen Code ein, um die Registrierung bei { $app } abzuschließen.
sign-up-note = Wenn Sie sich nicht registriert haben, beachten Sie diese E-Mail nicht: Es geschieht nichts.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } ist Ihr { $app }-Code für ein neues Passwort.
forgot-password-subject = Neues Passwort für { $app }
forgot-password-lead = Geben Sie diesen Code ein, um ein neues Passwort für { $app } zu wählen.
forgot-password-note = Wenn Sie kein neues Passwort angefordert haben, beachten Sie diese E-Mail nicht: Ihr Passwort bleibt, wie es ist.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } ist Ihr { $app }-Code zur Bestätigung dieser Nummer.
update-user-attribute-subject = Bestätigen Sie Ihre neue E-Mail-Adresse
update-user-attribute-lead = Geben Sie diesen Code ein, um diese E-Mail-Adresse für Ihr Konto bei { $app } zu verwenden.
update-user-attribute-note = Wenn Sie Ihre E-Mail-Adresse nicht geändert haben, beachten Sie diese E-Mail nicht: Ohne den Code ändert sich nichts.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Bestätigen Sie Ihre E-Mail-Adresse
verify-user-attribute-lead = Geben Sie diesen Code ein, um zu bestätigen, dass diese E-Mail-Adresse zu Ihrem Konto bei { $app } gehört.
verify-user-attribute-note = Wenn Sie das nicht angefordert haben, beachten Sie diese E-Mail nicht: Ohne den Code ändert sich nichts.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } ist Ihr vorläufiges Passwort für { $app }.
admin-create-user-subject = Ihr neues Konto bei { $app }
admin-create-user-lead = Für Sie wurde ein Konto bei { $app } angelegt. Melden Sie sich mit diesem vorläufigen Passwort an; danach wählen Sie Ihr eigenes.
admin-create-user-note = Wenn Sie dieses Konto nicht erwarten, beachten Sie diese E-Mail nicht.

## Signing in: as a second factor, or with nothing but the code

authentication-sms = { $code } ist Ihr { $app }-Code für die Anmeldung.
authentication-subject = Ihr Anmeldecode für { $app }
authentication-lead = Geben Sie diesen Code ein, um sich bei { $app } anzumelden.
authentication-note = Wenn Sie sich gerade nicht anmelden, versucht es vielleicht jemand anderes.

## An unusual sign-in

account-take-over-notification-sms = Ungewöhnliche Anmeldung bei { $app }. Wenn Sie das nicht waren, ändern Sie Ihr Passwort.
account-take-over-notification-subject = Ungewöhnliche Anmeldung bei { $app }
account-take-over-notification-lead = Es gab einen ungewöhnlichen Versuch, sich mit Ihrem Konto bei { $app } anzumelden.
account-take-over-notification-blocked = Er wurde abgewiesen.
account-take-over-notification-note = Wenn Sie es waren, müssen Sie nichts tun. Wenn nicht, ändern Sie Ihr Passwort.
fact-time = Zeit
fact-place = Ort
fact-device = Gerät
fact-ip-address = IP-Adresse
fact-recovery-code = Code
fact-ready-time = Nicht vor
link-was-me = Das war ich
link-was-not-me = Das war ich nicht
link-stop-recovery = Beenden
link-lead = Öffnen Sie diesen Link, um diese E-Mail-Adresse für Ihr Konto bei { $app } zu bestätigen.
link-note = Wenn Sie das nicht angefordert haben, beachten Sie diese E-Mail nicht: Ohne den Link ändert sich nichts.

## What was changed about the user's factors

changed-caution-sms = Wenn Sie das nicht waren, ändern Sie Ihr Passwort.
changed-note = Wenn Sie es waren, müssen Sie nichts tun. Wenn nicht, ändern Sie Ihr Passwort und prüfen Sie Ihre Faktoren.

address-changed-sms = Eine Adresse Ihres Kontos bei { $app } wurde geändert.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Adresse geändert
address-changed-lead = Die E-Mail-Adresse oder Telefonnummer Ihres Kontos bei { $app } wurde oder wird geändert.
address-changed-note = { changed-note }

authenticator-added-sms = Zu Ihrem Konto bei { $app } kam eine Authenticator-App hinzu.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Authenticator-App hinzugefügt
authenticator-added-lead = Zu Ihrem Konto bei { $app } kam eine Authenticator-App hinzu. Mit ihren Codes kann man sich anmelden.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Von Ihrem Konto bei { $app } wurde eine Authenticator-App entfernt.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Authenticator-App entfernt
authenticator-removed-lead = Von Ihrem Konto bei { $app } wurde eine Authenticator-App entfernt. Ihre Codes gelten nicht mehr.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = Die Authenticator-App Ihres Kontos bei { $app } gilt nicht mehr: Eine andere wird eingerichtet.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Authenticator-App wird ersetzt
authenticator-replaced-lead = Für Ihr Konto bei { $app } wird eine andere Authenticator-App eingerichtet. Die bisherige gilt nicht mehr.
authenticator-replaced-note = { changed-note }

factors-changed-sms = Die zweiten Faktoren Ihres Kontos bei { $app } wurden geändert.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Zweite Faktoren geändert
factors-changed-lead = Es wurde geändert, wonach Ihr Konto bei { $app } bei der Anmeldung fragt.
factors-changed-note = { changed-note }

new-device-sms = Anmeldung bei { $app } von einem neuen Gerät.{ sentence-space }{ changed-caution-sms }
new-device-subject = Anmeldung von einem neuen Gerät
new-device-lead = Mit Ihrem Konto bei { $app } hat sich jemand von einem Gerät angemeldet, das es noch nicht kannte.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Ihr Konto bei { $app } hat neue Wiederherstellungscodes; frühere gelten nicht mehr.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Neue Wiederherstellungscodes
recovery-codes-replaced-lead = Für Ihr Konto bei { $app } wurden neue Wiederherstellungscodes erstellt. Frühere gelten nicht mehr.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Ihr Konto bei { $app } vertraut jetzt einem Gerät.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Gerät als vertrauenswürdig gemerkt
trusted-device-added-lead = Ihr Konto bei { $app } vertraut jetzt einem Gerät: Es steht dort bei der Anmeldung eine Zeit lang für einen Code.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Ihr Konto bei { $app } vertraut einem Gerät nicht mehr.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Gerät nicht mehr vertrauenswürdig
trusted-device-removed-lead = Ihr Konto bei { $app } vertraut einem Gerät nicht mehr: Sie werden dort nach einem Code gefragt.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Jemand mit Ihrem Passwort stellt Ihr Konto bei { $app } wieder her.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Wiederherstellung begonnen
recovery-started-lead = Jemand, der Ihr Passwort kennt, hat begonnen, Ihr Konto bei { $app } wiederherzustellen. Dazu ist noch ein Wiederherstellungscode nötig.
recovery-started-note = { changed-note }

recovery-waiting-sms = Jemand mit Ihrem Passwort will Ihr Konto bei { $app } per E-Mail wiederherstellen. Melden Sie sich an, um das zu beenden.
recovery-waiting-subject = Ihr Konto soll wiederhergestellt werden
recovery-waiting-lead = Jemand, der Ihr Passwort kennt, will Ihr Konto bei { $app } ohne den zweiten Faktor wiederherstellen. Das geht mit dem Code unten, aber nicht vor der genannten Zeit. Waren Sie es nicht, beenden Sie es jetzt: mit dem Link, oder indem Sie sich anmelden.
recovery-waiting-note = Wir fragen Sie nie nach diesem Code.

account-recovered-sms = Ihr Konto bei { $app } wurde wiederhergestellt und hat ein neues Passwort.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Konto wiederhergestellt
account-recovered-lead = Ihr Konto bei { $app } wurde wiederhergestellt: Es hat ein neues Passwort, und alle Sitzungen und Geräte wurden abgemeldet. Richten Sie wieder einen zweiten Faktor ein.
account-recovered-note = { changed-note }

changed-by-support-sms = Unser Support hat Ihr Konto bei { $app } geändert.{ sentence-space }{ changed-caution-sms }
changed-by-support-subject = Vom Support geändert
changed-by-support-lead = Unser Support hat etwas daran geändert, wie Sie sich bei { $app } anmelden.
changed-by-support-note = { changed-note }

welcome-sms = Ihr Konto bei { $app } ist eingerichtet. Willkommen.
welcome-subject = Willkommen bei { $app }
welcome-lead = Ihr Konto bei { $app } ist eingerichtet. Sie können sich jetzt anmelden.
welcome-note = Wenn Sie dieses Konto nicht eröffnet haben, setzen Sie ein neues Passwort: Jemand hat Ihre Adresse benutzt.

## A purpose that is not known: with a code, and without

other-sms = { $code } ist Ihr { $app }-Code.
other-subject = Ihr Code für { $app }
other-lead = Geben Sie diesen Code bei { $app } ein.
other-note = Wenn Sie keinen Code angefordert haben, beachten Sie diese E-Mail nicht.

notice-sms = Es gibt einen Hinweis zu Ihrem Konto bei { $app }. Melden Sie sich an, um ihn zu lesen.
notice-subject = Hinweis zu Ihrem Konto bei { $app }
notice-lead = Es gibt einen Hinweis zu Ihrem Konto bei { $app }. Melden Sie sich an, um ihn zu lesen.
notice-note = Öffnen Sie { $app } wie immer, nicht über einen Link in einer Nachricht.
