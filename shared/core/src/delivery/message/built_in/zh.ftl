# 简体中文. Variables: docs/operators/messages.md.
#
# A segment has 70 characters, 33 of which may go to the line for autofill: no caution in SMS.

## Pieces

sentence-space = {""}
duration-minutes = { $count }分钟
duration-hours = { $count }小时
duration-days = { $count }天
sms-validity = { $duration }内有效
sms-caution = {""}
email-validity = { $duration }内有效。
email-caution = 请勿告诉任何人。{ $app } 绝不会向您索取。
user-name-line = 用户名：{ $user }
user-name-label = 用户名
password-label = 临时密码

## Sign-up

sign-up-sms = { $code } 是您的{ $app }注册验证码。
sign-up-subject = 确认您的 { $app } 账号
sign-up-lead = 请输入此验证码，完成 { $app } 账号的注册。
sign-up-note = 如果您没有注册，请忽略此邮件，您不会受到任何影响。

resend-code-sms = { sign-up-sms }
resend-code-subject = { sign-up-subject }
resend-code-lead = { sign-up-lead }
resend-code-note = { sign-up-note }

## A forgotten password

forgot-password-sms = { $code } 是您的{ $app }重置密码验证码。
forgot-password-subject = 重置您的 { $app } 密码
forgot-password-lead = 请输入此验证码，为 { $app } 设置新密码。
forgot-password-note = 如果您没有申请重置密码，请忽略此邮件，您的密码不会改变。

## A phone number or an e-mail address to confirm

update-user-attribute-sms = { $code } 是您的{ $app }手机验证码。
update-user-attribute-subject = 确认您的新邮箱地址
update-user-attribute-lead = 请输入此验证码，将此邮箱地址用于您的 { $app } 账号。
update-user-attribute-note = 如果您没有更改邮箱地址，请忽略此邮件。不输入验证码，就不会有任何更改。

verify-user-attribute-sms = { update-user-attribute-sms }
verify-user-attribute-subject = 确认您的邮箱地址
verify-user-attribute-lead = 请输入此验证码，确认此邮箱地址属于您的 { $app } 账号。
verify-user-attribute-note = 如果这不是您的操作，请忽略此邮件。不输入验证码，就不会有任何更改。

## An account made by an administrator: $code is the temporary password

admin-create-user-sms = { $code } 是您的{ $app }临时密码。
admin-create-user-subject = 您的 { $app } 新账号
admin-create-user-lead = 我们已为您创建 { $app } 账号。请使用此临时密码登录，然后设置您自己的密码。
admin-create-user-note = 如果您没有预期收到此账号，请忽略此邮件。

## Signing in: as a second factor, or with the code alone

authentication-sms = { $code } 是您的{ $app }登录验证码。
authentication-subject = 您的 { $app } 登录验证码
authentication-lead = 请输入此验证码，登录 { $app }。
authentication-note = 如果您现在没有登录，可能有他人正在尝试登录。

## An unusual sign-in

account-take-over-notification-sms = 您的{ $app }账号有异常登录。如非本人操作，请修改密码。
account-take-over-notification-subject = 您的 { $app } 账号有异常登录
account-take-over-notification-lead = 我们发现您的 { $app } 账号有异常的登录尝试。
account-take-over-notification-blocked = 该登录尝试已被阻止。
account-take-over-notification-note = 如果是您本人，则无需任何操作。如果不是，请修改密码。
fact-time = 时间
fact-place = 地点
fact-device = 设备
fact-ip-address = IP 地址
fact-recovery-code = 验证码
fact-ready-time = 生效时间
link-was-me = 是我本人
link-was-not-me = 不是我本人
link-stop-recovery = 阻止恢复
link-lead = 请打开此链接，确认将此邮箱地址用于您的 { $app } 账号。
link-note = 如果这不是您的操作，请忽略此邮件。不打开链接，就不会有任何更改。

## Notices of changed factors

changed-caution-sms = 如非本人操作，请修改密码。
changed-note = 如果是您本人，则无需任何操作。如果不是，请修改密码，并检查您的登录方式。

address-changed-sms = 您的{ $app }账号的联系方式已更改。{ sentence-space }{ changed-caution-sms }
address-changed-subject = 联系方式已更改
address-changed-lead = 您的 { $app } 账号的邮箱或手机号已更改或正在更改。
address-changed-note = { changed-note }

authenticator-added-sms = 您的{ $app }账号添加了一个身份验证器。{ sentence-space }{ changed-caution-sms }
authenticator-added-subject = 已添加身份验证器
authenticator-added-lead = 您的 { $app } 账号添加了一个身份验证器应用。该应用的验证码可用于登录。
authenticator-added-note = { changed-note }

authenticator-removed-sms = 您的{ $app }账号移除了一个身份验证器。{ sentence-space }{ changed-caution-sms }
authenticator-removed-subject = 已移除身份验证器
authenticator-removed-lead = 您的 { $app } 账号移除了一个身份验证器应用。该应用的验证码不再有效。
authenticator-removed-note = { changed-note }

authenticator-replaced-sms = 您的{ $app }账号原身份验证器已失效，正在设置新的。{ sentence-space }{ changed-caution-sms }
authenticator-replaced-subject = 正在更换身份验证器
authenticator-replaced-lead = 您的 { $app } 账号正在设置新的身份验证器应用。原来的应用已失效。
authenticator-replaced-note = { changed-note }

factors-changed-sms = 您的{ $app }账号的两步验证设置已更改。{ sentence-space }{ changed-caution-sms }
factors-changed-subject = 两步验证设置已更改
factors-changed-lead = 您的 { $app } 账号登录时所需的验证方式已更改。
factors-changed-note = { changed-note }

new-device-sms = 您的{ $app }账号在一台新设备上登录。{ sentence-space }{ changed-caution-sms }
new-device-subject = 在新设备上登录
new-device-lead = 有人在一台新设备上登录了您的 { $app } 账号。
new-device-note = { account-take-over-notification-note }

recovery-codes-replaced-sms = 您的{ $app }账号有了新的恢复码，旧的已失效。{ sentence-space }{ changed-caution-sms }
recovery-codes-replaced-subject = 新的恢复码
recovery-codes-replaced-lead = 您的 { $app } 账号已生成新的恢复码。旧的恢复码已失效。
recovery-codes-replaced-note = { changed-note }

trusted-device-added-sms = 您的{ $app }账号添加了一台受信任的设备。{ sentence-space }{ changed-caution-sms }
trusted-device-added-subject = 已添加受信任的设备
trusted-device-added-lead = 您的 { $app } 账号添加了一台受信任的设备。在一段时间内，使用该设备登录可代替验证码。
trusted-device-added-note = { changed-note }

trusted-device-removed-sms = 您的{ $app }账号移除了一台受信任的设备。{ sentence-space }{ changed-caution-sms }
trusted-device-removed-subject = 已移除受信任的设备
trusted-device-removed-lead = 您的 { $app } 账号移除了一台受信任的设备。在该设备上登录需要验证码。
trusted-device-removed-note = { changed-note }

recovery-started-sms = 有人正在恢复您的{ $app }账号。{ sentence-space }{ changed-caution-sms }
recovery-started-subject = 账号恢复已开始
recovery-started-lead = 知道您密码的人已开始恢复您的 { $app } 账号。完成恢复还需要恢复码。
recovery-started-note = { changed-note }

recovery-waiting-sms = 有人正通过邮件恢复您的{ $app }账号。登录即可阻止。
recovery-waiting-subject = 您的账号即将被恢复
recovery-waiting-lead = 知道您密码的人想在没有第二验证方式的情况下恢复您的 { $app } 账号。凭下面的验证码，在所示时间之后即可恢复。如果不是您本人，请立即打开链接或登录账号来阻止。
recovery-waiting-note = 我们绝不会向您索取此验证码。

account-recovered-sms = 您的{ $app }账号已恢复并更换了密码。{ sentence-space }{ changed-caution-sms }
account-recovered-subject = 账号已恢复
account-recovered-lead = 您的 { $app } 账号已恢复。密码已更换，所有会话和设备均已退出登录。请重新设置两步验证。
account-recovered-note = { changed-note }

changed-by-administrator-sms = 客服已更改您的{ $app }账号。{ sentence-space }{ changed-caution-sms }
changed-by-administrator-subject = 客服已更改您的账号
changed-by-administrator-lead = 客服已更改您的 { $app } 账号的登录方式。
changed-by-administrator-note = { changed-note }

welcome-sms = 您的{ $app }账号已开通，欢迎使用。
welcome-subject = 欢迎使用 { $app }
welcome-lead = 您的 { $app } 账号已开通，现在可以登录。
welcome-note = 如果这不是您创建的账号，说明有人使用了您的地址。请重置密码，以阻止其登录。

## An unknown purpose, with and without a code

other-sms = { $code } 是您的{ $app }验证码。
other-subject = 您的 { $app } 验证码
other-lead = 请在 { $app } 输入此验证码。
other-note = 如果您没有申请验证码，请忽略此邮件。

notice-sms = 您的{ $app }账号有一条通知，请登录查看。
notice-subject = 关于您的 { $app } 账号的通知
notice-lead = 您的 { $app } 账号有一条通知，请登录查看。
notice-note = 请像往常一样打开 { $app }，不要点击消息中的链接。
