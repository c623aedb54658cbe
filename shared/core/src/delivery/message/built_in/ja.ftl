# 日本語. Variables: docs/operators/messages.md.
#
# A segment has 70 characters, 33 of which may go to the line for autofill: no caution in SMS.

## Pieces

sentence-space = {""}
duration-minutes = { $count }分間
duration-hours = { $count }時間
duration-days = { $count }日間
sms-validity = { $duration }有効
sms-caution = {""}
email-validity = { $duration }有効です。
email-caution = 誰にも教えないでください。{ $app }からお尋ねすることは決してありません。
user-name-line = ユーザー名：{ $user }
user-name-label = ユーザー名
password-label = 仮パスワード

## Sign-up

sign-up-sms = { $code } は{ $app }の登録コードです。
sign-up-subject = { $app }アカウントの確認
sign-up-lead = { $app }への登録を完了するには、このコードを入力してください。
sign-up-note = 登録した覚えがない場合は、このメールを無視してください。何も変更されません。

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } は{ $app }のパスワード再設定用。
forgot-password-subject = { $app }のパスワード再設定
forgot-password-lead = { $app }の新しいパスワードを設定するには、このコードを入力してください。
forgot-password-note = パスワードの再設定を依頼していない場合は、このメールを無視してください。パスワードは変わりません。

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } は{ $app }の番号確認コード。
update-user-attribute-subject = 新しいメールアドレスの確認
update-user-attribute-lead = このメールアドレスを{ $app }アカウントで使うには、このコードを入力してください。
update-user-attribute-note = メールアドレスを変更した覚えがない場合は、このメールを無視してください。コードを入力しない限り、何も変更されません。

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = メールアドレスの確認
verify-user-attribute-lead = このメールアドレスが{ $app }アカウントのものであることを確認するには、このコードを入力してください。
verify-user-attribute-note = お心当たりがない場合は、このメールを無視してください。コードを入力しない限り、何も変更されません。

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } は{ $app }の仮パスワードです。
admin-create-user-subject = { $app }の新しいアカウント
admin-create-user-lead = { $app }のアカウントが作成されました。この仮パスワードでサインインし、続けてご自分のパスワードを設定してください。
admin-create-user-note = お心当たりがない場合は、このメールを無視してください。

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } は{ $app }の認証コードです。
authentication-subject = { $app }の認証コード
authentication-lead = { $app }にサインインするには、このコードを入力してください。
authentication-note = 今サインインしていない場合は、第三者が試みている可能性があります。

## An unusual sign-in

account-take-over-notification-sms = { $app }に通常と異なるサインインがありました。お心当たりがなければパスワードを変更してください。
account-take-over-notification-subject = { $app }への通常と異なるサインイン
account-take-over-notification-lead = お使いの{ $app }アカウントに、通常と異なるサインインの試みがありました。
account-take-over-notification-blocked = このサインインはブロックされました。
account-take-over-notification-note = ご本人の場合は、何もする必要はありません。お心当たりがない場合は、パスワードを変更してください。
fact-time = 日時
fact-place = 場所
fact-device = 端末
fact-ip-address = IPアドレス
fact-recovery-code = コード
fact-ready-time = 有効開始日時
link-was-me = 自分です
link-was-not-me = 自分ではありません
link-stop-recovery = 復旧を止める
link-lead = { $app }アカウントでこのメールアドレスを使うには、このリンクを開いて確認してください。
link-note = お心当たりがない場合は、このメールを無視してください。リンクを開かない限り、何も変更されません。

## Notices of changed factors

changed-caution-sms = お心当たりがなければパスワードを変更してください。
changed-note = ご本人の場合は、何もする必要はありません。お心当たりがない場合は、パスワードを変更し、サインイン方法を確認してください。

address-changed-sms = { $app }の連絡先が変更されました。{ sentence-space }{ changed-caution-sms }
address-changed-subject = 連絡先の変更
address-changed-lead = { $app }アカウントのメールアドレスまたは電話番号が変更されました。または変更の手続き中です。
address-changed-note = { changed-note }

authenticator-added-sms = { $app }に認証アプリが追加されました。{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = 認証アプリの追加
authenticator-added-lead = { $app }アカウントに認証アプリが追加されました。このアプリのコードでサインインできます。
authenticator-added-note = { changed-note }

authenticator-removed-sms = { $app }から認証アプリが削除されました。{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = 認証アプリの削除
authenticator-removed-lead = { $app }アカウントから認証アプリが削除されました。このアプリのコードは使えなくなりました。
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = { $app }の認証アプリが使えなくなりました（新しいアプリを設定中）。{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = 認証アプリの再設定
authenticator-replaced-lead = { $app }アカウントに新しい認証アプリを設定中です。以前のアプリは使えなくなりました。
authenticator-replaced-note = { changed-note }

factors-changed-sms = { $app }の2段階認証の設定が変更されました。{ sentence-space }{ changed-caution-sms }
factors-changed-subject = 2段階認証の変更
factors-changed-lead = { $app }アカウントの2段階認証の設定が変更されました。サインイン時に求められる確認方法が変わります。
factors-changed-note = { changed-note }

new-device-sms = { $app }に新しい端末からサインインがありました。{ sentence-space }{ changed-caution-sms }
new-device-subject = 新しい端末からのサインイン
new-device-lead = お使いの{ $app }アカウントに、新しい端末からサインインがありました。
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = { $app }の復旧コードが新しくなりました。以前のコードは無効です。{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = 新しい復旧コード
recovery-codes-replaced-lead = { $app }アカウントの新しい復旧コードが作成されました。以前のコードは使えなくなりました。
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = { $app }に信頼済みの端末が追加されました。{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = 信頼済み端末の追加
trusted-device-added-lead = { $app }アカウントに信頼済みの端末が追加されました。一定期間、この端末でのサインインではコードの代わりになります。
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = { $app }で端末の信頼が解除されました。{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = 信頼済み端末の削除
trusted-device-removed-lead = { $app }アカウントで端末の信頼が解除されました。この端末でのサインインにはコードが必要です。
trusted-device-removed-note = { changed-note }

recovery-started-sms = { $app }アカウントの復旧が始まりました。{ sentence-space }{ changed-caution-sms }
recovery-started-subject = アカウント復旧の開始
recovery-started-lead = あなたのパスワードを知る人が、{ $app }アカウントの復旧を開始しました。完了するには復旧コードも必要です。
recovery-started-note = { changed-note }

recovery-waiting-sms = { $app }のアカウントがメールで復旧されようとしています。止めるにはサインインしてください。
recovery-waiting-subject = アカウントの復旧が予定されています
recovery-waiting-lead = あなたのパスワードを知る人が、第2の認証要素なしで{ $app }アカウントを復旧しようとしています。下のコードにより、記載の日時以降に復旧が可能になります。お心当たりがない場合は、今すぐリンクを開くか、サインインして止めてください。
recovery-waiting-note = 当社がこのコードをお尋ねすることはありません。

account-recovered-sms = { $app }アカウントが復旧され、パスワードが変わりました。{ sentence-space }{ changed-caution-sms }
account-recovered-subject = アカウントの復旧
account-recovered-lead = { $app }アカウントが復旧されました。パスワードが新しくなり、すべてのセッションと端末がサインアウトされました。2段階認証をもう一度設定してください。
account-recovered-note = { changed-note }

changed-by-administrator-sms = サポートが{ $app }アカウントを変更しました。{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = サポートによる変更
changed-by-administrator-lead = サポートが{ $app }アカウントのサインイン方法を変更しました。
changed-by-administrator-note = { changed-note }

welcome-sms = { $app }へようこそ。アカウントの準備ができました。
welcome-subject = { $app }へようこそ
welcome-lead = { $app }アカウントの準備ができました。今すぐサインインできます。
welcome-note = このアカウントを作成した覚えがない場合は、第三者があなたのアドレスを使用しています。パスワードを再設定して、アクセスを防いでください。

## An unknown purpose, with and without a code

other-sms = { $code } は{ $app }の確認コードです。
other-subject = { $app }の確認コード
other-lead = { $app }でこのコードを入力してください。
other-note = コードを依頼していない場合は、このメールを無視してください。

notice-sms = { $app }アカウントについてのお知らせがあります。サインインしてご確認ください。
notice-subject = { $app }アカウントについてのお知らせ
notice-lead = { $app }アカウントについてのお知らせがあります。サインインしてご確認ください。
notice-note = メッセージ内のリンクからではなく、いつもの方法で{ $app }を開いてください。
