# Deutsch. Variables: docs/operators/messages.md.
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
email-caution = Nie weitergeben. { $app } wird Sie niemals danach fragen.
user-name-line = Benutzername: { $user }
user-name-label = Benutzername
password-label = Vorläufiges Passwort

## Sign-up

sign-up-sms = { $code } ist Ihr { $app }-Code für die Registrierung.
sign-up-subject = Bestätigen Sie Ihr Konto bei { $app }
sign-up-lead = Geben Sie diesen Code ein, um die Registrierung bei { $app } abzuschließen.
sign-up-note = Wenn Sie sich nicht registriert haben, können Sie diese E-Mail ignorieren. Es passiert nichts.

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } ist Ihr { $app }-Code für ein neues Passwort.
forgot-password-subject = Neues Passwort für { $app }
forgot-password-lead = Geben Sie diesen Code ein, um ein neues Passwort für { $app } festzulegen.
forgot-password-note = Wenn Sie kein neues Passwort angefordert haben, können Sie diese E-Mail ignorieren. Ihr Passwort bleibt unverändert.

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } ist Ihr { $app }-Code zur Bestätigung dieser Nummer.
update-user-attribute-subject = Bestätigen Sie Ihre neue E-Mail-Adresse
update-user-attribute-lead = Geben Sie diesen Code ein, um diese E-Mail-Adresse für Ihr Konto bei { $app } zu verwenden.
update-user-attribute-note = Wenn Sie Ihre E-Mail-Adresse nicht geändert haben, können Sie diese E-Mail ignorieren. Ohne den Code ändert sich nichts.

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = Bestätigen Sie Ihre E-Mail-Adresse
verify-user-attribute-lead = Geben Sie diesen Code ein, um zu bestätigen, dass diese E-Mail-Adresse zu Ihrem Konto bei { $app } gehört.
verify-user-attribute-note = Wenn Sie das nicht angefordert haben, können Sie diese E-Mail ignorieren. Ohne den Code ändert sich nichts.

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } ist Ihr vorläufiges Passwort für { $app }.
admin-create-user-subject = Ihr neues Konto bei { $app }
admin-create-user-lead = Für Sie wurde ein Konto bei { $app } angelegt. Melden Sie sich mit diesem vorläufigen Passwort an und legen Sie dann Ihr eigenes fest.
admin-create-user-note = Wenn Sie dieses Konto nicht erwartet haben, können Sie diese E-Mail ignorieren.

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } ist Ihr { $app }-Code für die Anmeldung.
authentication-subject = Ihr Anmeldecode für { $app }
authentication-lead = Geben Sie diesen Code ein, um sich bei { $app } anzumelden.
authentication-note = Wenn Sie sich gerade nicht anmelden, versucht es vielleicht jemand anderes.

## An unusual sign-in

account-take-over-notification-sms = Ungewöhnliche Anmeldung bei { $app }. Wenn Sie das nicht waren, ändern Sie Ihr Passwort.
account-take-over-notification-subject = Ungewöhnliche Anmeldung bei { $app }
account-take-over-notification-lead = Es gab einen ungewöhnlichen Versuch, sich mit Ihrem Konto bei { $app } anzumelden.
account-take-over-notification-blocked = Der Versuch wurde blockiert.
account-take-over-notification-note = Wenn Sie das waren, müssen Sie nichts tun. Wenn nicht, ändern Sie bitte Ihr Passwort.
fact-time = Zeitpunkt
fact-place = Ort
fact-device = Gerät
fact-ip-address = IP-Adresse
fact-recovery-code = Code
fact-ready-time = Gültig ab
link-was-me = Das war ich
link-was-not-me = Das war ich nicht
link-stop-recovery = Wiederherstellung stoppen
link-lead = Öffnen Sie diesen Link, um diese E-Mail-Adresse für Ihr Konto bei { $app } zu bestätigen.
link-note = Wenn Sie das nicht angefordert haben, können Sie diese E-Mail ignorieren. Ohne den Link ändert sich nichts.

## Notices of changed factors

changed-caution-sms = Wenn Sie das nicht waren, ändern Sie Ihr Passwort.
changed-note = Wenn Sie das waren, müssen Sie nichts tun. Wenn nicht, ändern Sie bitte Ihr Passwort und prüfen Sie Ihre Anmeldemethoden.

address-changed-sms = Die Kontaktdaten Ihres Kontos bei { $app } wurden geändert.{ sentence-space }{ changed-caution-sms }
address-changed-subject = Kontaktdaten geändert
address-changed-lead = Die E-Mail-Adresse oder Telefonnummer Ihres Kontos bei { $app } wurde geändert oder wird gerade geändert.
address-changed-note = { changed-note }

authenticator-added-sms = Ihrem Konto bei { $app } wurde eine Authenticator-App hinzugefügt.{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = Authenticator-App hinzugefügt
authenticator-added-lead = Ihrem Konto bei { $app } wurde eine Authenticator-App hinzugefügt. Mit den Codes dieser App kann man sich anmelden.
authenticator-added-note = { changed-note }

authenticator-removed-sms = Aus Ihrem Konto bei { $app } wurde eine Authenticator-App entfernt.{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = Authenticator-App entfernt
authenticator-removed-lead = Aus Ihrem Konto bei { $app } wurde eine Authenticator-App entfernt. Die Codes dieser App sind nicht mehr gültig.
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = Die Authenticator-App Ihres Kontos bei { $app } gilt nicht mehr: Eine neue wird eingerichtet.{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = Authenticator-App wird ersetzt
authenticator-replaced-lead = Für Ihr Konto bei { $app } wird eine neue Authenticator-App eingerichtet. Die bisherige App funktioniert nicht mehr.
authenticator-replaced-note = { changed-note }

factors-changed-sms = Die Zwei-Faktor-Anmeldung Ihres Kontos bei { $app } wurde geändert.{ sentence-space }{ changed-caution-sms }
factors-changed-subject = Zwei-Faktor-Anmeldung geändert
factors-changed-lead = Die Zwei-Faktor-Anmeldung Ihres Kontos bei { $app } wurde geändert. Sie legt fest, was bei der Anmeldung zusätzlich abgefragt wird.
factors-changed-note = { changed-note }

new-device-sms = Anmeldung bei { $app } von einem neuen Gerät.{ sentence-space }{ changed-caution-sms }
new-device-subject = Anmeldung von einem neuen Gerät
new-device-lead = Jemand hat sich von einem neuen Gerät aus in Ihrem Konto bei { $app } angemeldet.
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = Ihr Konto bei { $app } hat neue Wiederherstellungscodes. Frühere gelten nicht mehr.{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = Neue Wiederherstellungscodes
recovery-codes-replaced-lead = Für Ihr Konto bei { $app } wurden neue Wiederherstellungscodes erstellt. Ihre früheren Codes sind nicht mehr gültig.
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = Ihr Konto bei { $app } vertraut jetzt einem neuen Gerät.{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = Vertrauenswürdiges Gerät hinzugefügt
trusted-device-added-lead = Ihr Konto bei { $app } vertraut jetzt einem neuen Gerät. Für begrenzte Zeit ersetzt es bei der Anmeldung einen Code.
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = Ihr Konto bei { $app } vertraut einem Ihrer Geräte nicht mehr.{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = Vertrauenswürdiges Gerät entfernt
trusted-device-removed-lead = Ihr Konto bei { $app } vertraut einem Ihrer Geräte nicht mehr. Für die Anmeldung auf diesem Gerät brauchen Sie wieder einen Code.
trusted-device-removed-note = { changed-note }

recovery-started-sms = Jemand, der Ihr Passwort kennt, stellt Ihr Konto bei { $app } wieder her.{ sentence-space }{ changed-caution-sms }
recovery-started-subject = Kontowiederherstellung begonnen
recovery-started-lead = Jemand, der Ihr Passwort kennt, hat begonnen, Ihr Konto bei { $app } wiederherzustellen. Zum Abschluss ist noch ein Wiederherstellungscode nötig.
recovery-started-note = { changed-note }

recovery-waiting-sms = Jemand mit Ihrem Passwort will Ihr Konto bei { $app } per E-Mail wiederherstellen. Melden Sie sich an, um das zu stoppen.
recovery-waiting-subject = Ihr Konto soll wiederhergestellt werden
recovery-waiting-lead = Jemand, der Ihr Passwort kennt, möchte Ihr Konto bei { $app } ohne den zweiten Faktor wiederherstellen. Das ist mit dem Code unten möglich, aber erst ab dem angegebenen Zeitpunkt. Wenn Sie das nicht waren, stoppen Sie es jetzt: über den Link oder indem Sie sich anmelden.
recovery-waiting-note = Wir werden Sie niemals nach diesem Code fragen.

account-recovered-sms = Ihr Konto bei { $app } wurde wiederhergestellt und hat ein neues Passwort.{ sentence-space }{ changed-caution-sms }
account-recovered-subject = Konto wiederhergestellt
account-recovered-lead = Ihr Konto bei { $app } wurde wiederhergestellt. Es hat ein neues Passwort, und alle Sitzungen und Geräte wurden abgemeldet. Bitte richten Sie wieder einen zweiten Faktor ein.
account-recovered-note = { changed-note }

changed-by-administrator-sms = Unser Support hat Ihr Konto bei { $app } geändert.{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = Änderung durch unseren Support
changed-by-administrator-lead = Unser Support hat geändert, wie Sie sich bei { $app } anmelden.
changed-by-administrator-note = { changed-note }

welcome-sms = Willkommen! Ihr Konto bei { $app } ist eingerichtet.
welcome-subject = Willkommen bei { $app }
welcome-lead = Ihr Konto bei { $app } ist eingerichtet. Sie können sich jetzt anmelden.
welcome-note = Wenn Sie dieses Konto nicht erstellt haben, hat jemand Ihre Adresse verwendet. Setzen Sie das Passwort zurück, um die Person auszusperren.

## An unknown purpose, with and without a code

other-sms = { $code } ist Ihr { $app }-Code.
other-subject = Ihr Code für { $app }
other-lead = Geben Sie diesen Code bei { $app } ein.
other-note = Wenn Sie keinen Code angefordert haben, können Sie diese E-Mail ignorieren.

notice-sms = Es gibt eine Mitteilung zu Ihrem Konto bei { $app }. Melden Sie sich an, um sie zu lesen.
notice-subject = Mitteilung zu Ihrem Konto bei { $app }
notice-lead = Es gibt eine Mitteilung zu Ihrem Konto bei { $app }. Melden Sie sich an, um sie zu lesen.
notice-note = Öffnen Sie { $app } wie gewohnt und nicht über einen Link in einer Nachricht.
