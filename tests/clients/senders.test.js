// Every message of a native user, by our own senders, in three languages. The pool delivers every event twice
// at the same time. Each message arrives once, and its code works.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Amplify } from 'aws-amplify';
import {
  confirmResetPassword,
  confirmSignIn,
  confirmSignUp,
  confirmUserAttribute,
  resendSignUpCode,
  resetPassword,
  sendUserAttributeVerificationCode,
  signIn,
  signOut,
  signUp,
} from 'aws-amplify/auth';

import { startCloud, temporaryFolder } from './harness/cloud.js';
import { templateWith } from './harness/policy.js';
import { PASSWORD as password, newAddress } from './harness/user.js';

const folder = temporaryFolder();
let cloud;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, '[governor]\ncool_down_seconds = 1\n')]);
  const { userPoolId, clients, cognito, console: url } = cloud.endpoints;
  Amplify.configure({
    Auth: { Cognito: { userPoolId, userPoolClientId: clients.native.id, userPoolEndpoint: cognito } },
  });
  const answer = await fetch(`${url}/api/switches`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ triggerDelivery: 'overlapping' }),
  });
  assert.ok(answer.ok, await answer.text());
});

after(() => cloud.stop());

const languages = [
  { locale: 'de', number: 1, signUpSubject: 'Bestätigen Sie Ihr Konto', signInText: 'für die Anmeldung', invitation: 'vorläufige' },
  { locale: 'fr', number: 2, signUpSubject: 'Confirmez votre compte', signInText: 'pour vous connecter', invitation: 'mot de passe provisoire' },
  { locale: 'ja', number: 3, signUpSubject: 'アカウントの確認', signInText: 'の認証コードです', invitation: '仮パスワード' },
];

for (const { locale, number, signUpSubject, signInText } of languages) {
  test(`each message arrives once, in ${locale}`, async () => {
    const [email, phone] = [newAddress(), `+1202555013${number}`];
    const username = email;
    const userAttributes = { email, phone_number: phone, locale };

    await signUp({ username, password, options: { userAttributes } });
    const first = await cloud.code(email);
    // Waits for the cool-down of this test's policy.
    await setTimeout(1100);
    await resendSignUpCode({ username });
    const second = await cloud.code(email);
    assert.notEqual(second, undefined);
    await confirmSignUp({ username, confirmationCode: second });
    assert.ok(first);

    await resetPassword({ username });
    await confirmResetPassword({ username, confirmationCode: await cloud.code(email), newPassword: password });

    assert.equal((await signIn({ username, password })).nextStep.signInStep, 'DONE');
    await sendUserAttributeVerificationCode({ userAttributeKey: 'phone_number' });
    await confirmUserAttribute({
      userAttributeKey: 'phone_number',
      confirmationCode: await cloud.code(phone),
    });
    await signOut();

    for (const [factor, step, address] of [
      ['SMSMfaSettings', 'CONFIRM_SIGN_IN_WITH_SMS_CODE', phone],
      ['EmailMfaSettings', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE', email],
    ]) {
      await cloud.cognito('AdminSetUserMFAPreference', {
        UserPoolId: cloud.endpoints.userPoolId,
        Username: username,
        [factor]: { Enabled: true, PreferredMfa: true },
      });
      await setTimeout(1100);
      const { nextStep } = await signIn({ username, password });
      assert.equal(nextStep.signInStep, step);
      const signedIn = await confirmSignIn({ challengeResponse: await cloud.code(address) });
      assert.equal(signedIn.nextStep.signInStep, 'DONE');
      await signOut();
    }

    // A second copy would have arrived by now.
    await setTimeout(500);
    const [mails, texts] = [await cloud.messages(email), await cloud.messages(phone)];
    assert.equal(mails.length, 4, 'sign-up, resend, reset, second factor');
    assert.equal(texts.length, 2, 'attribute verification, second factor');
    assert.ok(mails[0].subject.includes(signUpSubject), mails[0].subject);
    assert.ok(texts[1].text.includes(signInText), texts[1].text);
    assert.ok(texts[1].text.startsWith(texts[1].code), 'the code comes first');
  });
}

test('the pool really did deliver every event twice', async () => {
  const invocations = await (await fetch(`${cloud.endpoints.console}/api/invocations`)).json();
  for (const sender of ['custom-email-sender', 'custom-sms-sender']) {
    const attempts = invocations.filter((invocation) => invocation.function === sender);
    const repeated = attempts.filter(({ attempt }) => attempt === 2);
    assert.ok(repeated.length > 0 && repeated.length * 2 === attempts.length, `${sender}: ${attempts.length}`);
  }
});

for (const { locale, number, invitation } of languages) {
  test(`an administrator invites: the temporary password arrives once and unaltered, in ${locale}`, async () => {
    const [email, phone] = [newAddress(), `+1202555014${number}`];
    const TemporaryPassword = 'Tmp<9x>&Qz1!';
    const attributes = { email, phone_number: phone, locale };
    await cloud.cognito('AdminCreateUser', {
      UserPoolId: cloud.endpoints.userPoolId,
      Username: email,
      TemporaryPassword,
      UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
      DesiredDeliveryMediums: ['EMAIL', 'SMS'],
    });
    const arrived = async () => [await cloud.messages(email), await cloud.messages(phone)];
    for (let tries = 0; (await arrived()).some(({ length }) => length === 0) && tries < 200; tries += 1) {
      await setTimeout(25);
    }
    await setTimeout(500);
    for (const messages of await arrived()) {
      assert.equal(messages.length, 1);
      assert.ok(messages[0].text.includes(TemporaryPassword), messages[0].text);
      assert.ok(messages[0].text.includes(invitation), messages[0].text);
    }
    const { nextStep } = await signIn({ username: email, password: TemporaryPassword });
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
    await signOut();
  });
}

test('no function has logged a code, a password or an address', async () => {
  const messages = await (await fetch(cloud.endpoints.outbox)).json();
  const secrets = messages.flatMap(({ to, code }) => [to.replace(/^\+/, ''), ...(code === undefined ? [] : [code])]);
  secrets.push('Tmp<9x>&Qz1!', 'Tmp&lt;9x&gt;');
  assert.ok(messages.filter(({ code }) => code !== undefined).length >= 18, `${messages.length} messages`);
  const lines = [...cloud.output.stdout, ...cloud.output.stderr].filter((line) => line.includes('function: custom-'));
  for (const channel of ['sms', 'email']) {
    assert.ok(lines.some((line) => line.includes(`"message sent","channel":"${channel}"`)), `no ${channel} was told of`);
  }
  for (const line of lines) {
    // Digits inside a longer number are a time or an id, not a code.
    const words = new Set(line.split(/[^0-9A-Za-z]/));
    const told = secrets.find((secret) => words.has(secret) || (secret.length > 6 && line.includes(secret)));
    assert.equal(told, undefined, line);
  }
});
