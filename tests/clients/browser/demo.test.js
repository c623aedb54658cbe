// The demo app in a real headless Chromium: every way to sign in, every factor and every error. The library
// axe checks each screen, and the test takes its pictures.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { startPage } from '../harness/browser.js';
import { startCloud, temporaryFolder } from '../harness/cloud.js';
import { DemoPage } from '../harness/demo-page.js';
import { templateWith } from '../harness/policy.js';
import { PASSWORD, newAddress } from '../harness/user.js';

const PHONE_NUMBER = '+12025550123';
let user = newAddress();
let browser;
let cloud;
let demo;
let page;
let password = PASSWORD;
let phone;

/** Returns a button of the form below a heading. */
async function press(name, heading) {
  await page.locator('#place:not(:has(.busy))').waitFor();
  const form = page.locator(`#place h3:text-is("${heading}") + form`);
  await form.getByRole('button', { name, exact: true }).click();
}

// One user gets more codes here in a minute than the default budgets allow in an hour.
const POLICY = ['sms.user', 'sms.destination', 'email.user', 'email.destination']
  .map((budget) => `[${budget}]\nper_hour = 100\nper_day = 100\n`)
  .join('');
const folder = temporaryFolder();

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, POLICY)]);
  browser = await startPage();
  page = browser.page;
  demo = new DemoPage(page);
  await page.goto(`${cloud.endpoints.console}/demo`);
});

after(async () => {
  await browser?.close();
  const end = await cloud.stop();
  folder.remove();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('a user signs up and confirms with the code from the outbox', async () => {
  await demo.screen('Sign up');
  await demo.inspect('sign-up');
  await demo.fill({ 'E-mail address': user, Password: password });
  await demo.press('Sign up');
  await demo.takeCode();
  await demo.inspect('confirm');
  await demo.press('Confirm');
  await demo.screen('Sign in');
});

test('a form that is not filled in says so and calls nothing', async () => {
  const before = await page.locator('#calls > li').count();
  assert.equal(await page.getByLabel('E-mail address, phone').inputValue(), user, 'the user who was confirmed');
  await demo.press('Sign in');
  await demo.told(/Fill in: Password/);
  await demo.fill({ 'E-mail address, phone': '' });
  await demo.press('Sign in');
  await demo.told(/Fill in: E-mail address/);
  assert.equal(await page.locator('#calls > li').count(), before);
});

test("a wrong password is refused with Cognito's own words", async () => {
  await demo.fill({ 'E-mail address, phone': user, Password: 'Wrong-Horse-9' });
  await demo.press('Sign in');
  await demo.told(/NotAuthorizedException: Incorrect username or password\./);
  await demo.inspect('sign-in-refused');
});

test('the right password signs in, and neither it nor a token is shown', async () => {
  await signIn();
  await demo.screen('Factors');
  await page.getByText('none: the password alone signs in').waitFor();
  await demo.inspect('factors-none');
  const shown = await page.locator('#calls').textContent();
  assert.match(shown, /PASSWORD_CLAIM_SIGNATURE/);
  assert.ok(!shown.includes(password) && !/eyJ[\w-]{40}/.test(shown));
});

test('an authenticator is set up by the QR code; a wrong code sets nothing up', async () => {
  await demo.topic('Authenticator app');
  await demo.inspect('authenticator');
  await demo.press('Set up');
  phone = new Authenticator(await demo.scan());
  await demo.inspect('authenticator-qr');
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Verify');
  await demo.told(/code-wrong: The code is wrong/);
  await demo.fill({ Code: phone.next(), 'Name of the device': 'Test phone' });
  await demo.press('Verify');
  await demo.screen('Factors');
  await demo.fact('Preferred', 'authenticator app');
  await demo.inspect('factors');
});

test('a sign-in asks for the code; a wrong one may be tried again', async () => {
  await signOut();
  await signIn();
  await page.getByText('“Test phone”').waitFor();
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Sign in');
  await demo.told(/CodeMismatchException/);
  await demo.inspect('sign-in-totp');
  await demo.fill({ Code: phone.next() });
  await demo.press('Sign in');
  await demo.screen('Factors');
});

test('a remembered browser is asked for no code, until it is forgotten', async () => {
  await demo.topic('Remembered devices');
  await demo.fill({ 'Name of this browser': 'Test browser' });
  await demo.press('Remember this browser');
  await page.getByText('This browser is remembered.', { exact: true }).waitFor();
  await page.getByText('this browser ·').waitFor();
  await demo.inspect('devices');
  await signOut();
  await signIn();
  await demo.screen('Factors');
  await page.locator('#calls').getByText('DEVICE_PASSWORD_VERIFIER', { exact: true }).first().waitFor();
  await demo.topic('Account');
  await demo.press('Refresh');
  await page.getByText('The tokens were refreshed.').waitFor();
  await demo.topic('Remembered devices');
  // The remembered browser replaced the code, so none was entered, and a change needs one.
  await demo.press('Forget Test browser');
  await demo.told(/second-factor-required/);
  await signInAgain();
  await enterCode();
  await demo.topic('Remembered devices');
  await demo.press('Forget Test browser');
  await page.getByText('No remembered devices.').waitFor();
  await demo.topic('Activity');
  await page.getByText('Device forgotten').first().waitFor();
  await demo.inspect('activity');
});

test('a pool that forgot the browser asks it for a code again', async () => {
  await signOut();
  await signIn();
  await enterCode();
  await demo.topic('Remembered devices');
  await demo.press('Remember this browser');
  await page.getByText('This browser is remembered.', { exact: true }).waitFor();
  const { Devices } = await cloud.cognito('AdminListDevices', { UserPoolId: cloud.endpoints.userPoolId, Username: user });
  const { DeviceKey } = Devices[0];
  await cloud.cognito('AdminForgetDevice', { UserPoolId: cloud.endpoints.userPoolId, Username: user, DeviceKey });
  await signOut();
  await signIn();
  await page.locator('#calls').getByText('ResourceNotFoundException').first().waitFor();
  await enterCode();
});

test('a phone number becomes a factor, once its code was entered', async () => {
  await demo.topic('Account');
  await demo.fill({ 'Number for codes by SMS': PHONE_NUMBER });
  await press('Set', 'Phone number');
  await page.getByText(`We sent a code to ${PHONE_NUMBER}`).waitFor();
  await demo.inspect('account-code');
  await demo.press('Send another code');
  await demo.told(/too-many-requests/);
  await demo.press('Not now');
  await demo.fact('Phone', `${PHONE_NUMBER}, not verified`);
  await demo.inspect('account');
  const calls = page.locator('#calls');
  assert.equal(await calls.getByText('POST /mfa/phone-number').count() > 0, true);
  await demo.press('Enter the code');
  // The first code is still valid.
  await demo.fill({ Code: await cloud.code(PHONE_NUMBER) });
  await demo.press('Verify');
  await demo.fact('Phone', `${PHONE_NUMBER}, verified`);
  await demo.topic('Factors');
  await page.getByLabel('Text message').selectOption('PREFERRED');
  await demo.press('Save');
  await demo.fact('Preferred', 'text message');
  await signOut();
  await signIn();
  await demo.takeCode();
  await demo.inspect('sign-in-sms');
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.topic('Account');
  await demo.fact('Phone', `${PHONE_NUMBER}, verified`);
});

test('another phone number is verified by a code of its own', async () => {
  await demo.fill({ 'Number for codes by SMS': '+12025550124' });
  await press('Set', 'Phone number');
  await demo.takeCode();
  await demo.press('Verify');
  await page.getByText('The number is verified.').waitFor();
});

test('another e-mail address is verified by a code', async () => {
  const next = newAddress();
  await demo.fill({ 'Address for codes by e-mail': next });
  await press('Set', 'E-mail address');
  await demo.takeCode();
  await demo.press('Verify');
  await page.getByText('The address is verified.').waitFor();
  await demo.fact('E-mail', `${next}, verified`);
  user = next;
  await demo.topic('Factors');
  await demo.topic('Factors');
});

test('with several factors and none preferred the user chooses', async () => {
  await page.getByLabel('Text message').selectOption('NOT_PREFERRED');
  await page.getByLabel('E-mail').selectOption('ENABLED');
  await demo.press('Save');
  await demo.fact('Preferred', 'none');
  await signOut();
  await signIn();
  await page.getByRole('button', { name: 'Authenticator app' }).waitFor();
  await demo.inspect('sign-in-choice');
  await demo.press('E-mail');
  await demo.takeCode();
  await demo.press('Sign in');
  await demo.screen('Factors');
});

test('two preferred factors are refused, and the screen says why', async () => {
  for (const factor of ['Text message', 'E-mail']) await page.getByLabel(factor).selectOption('PREFERRED');
  await demo.press('Save');
  await demo.told(/two-preferred-factors/);
});

test('a second authenticator is set up only after a warning', async () => {
  await demo.topic('Authenticator app');
  await demo.press('Set up');
  await page.getByText('the old app stops working now').waitFor();
  await demo.inspect('authenticator-replace');
  await demo.press('Keep it');
  await demo.screen('Factors');
});

test('a lost phone: an administrator takes it away, and the page becomes the next one', async () => {
  await demo.topic('Authenticator app');
  await demo.press('Set up');
  await demo.press('Replace it');
  await demo.press('Use the code from this page');
  await demo.press('Verify');
  await demo.screen('Factors');
  await signOut();
  await signIn();
  await page.getByRole('button', { name: 'Use the code from this page' }).waitFor();
  await demo.press('I lost my phone');
  await demo.screen('Lost phone');
  const [lose, , administrator] = await page.getByLabel('E-mail address, phone').all();
  await lose.fill(user);
  await demo.press('Lose the phone');
  await page.getByText('This page no longer has codes').waitFor();
  await demo.inspect('lost-phone');
  await demo.topic('Sign in');
  await signIn();
  await page.getByRole('button', { name: 'I lost my phone' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Use the code from this page' }).count(), 0);
  await demo.press('I lost my phone');
  await demo.screen('Lost phone');
  await administrator.fill(user);
  await demo.press('Remove the authenticator');
  await page.getByText('The authenticator was removed').waitFor();
  await demo.topic('Sign in');
  await signIn();
  await demo.screen('Sign in');
  await demo.press('Text message');
  await demo.takeCode();
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.topic('Authenticator app');
  await demo.press('Set up');
  phone = new Authenticator(await demo.scan());
  await demo.fill({ Code: phone.next() });
  await demo.press('Verify');
  await demo.fact('Preferred', 'authenticator app');
});

test('a lost phone: a recovery code and a new password take it away', async () => {
  await signOut();
  // The custom client counts codes to this user's phone, so custom factors need a sign-in there.
  await demo.signIn(user, password, 'custom');
  await demo.fill({ Code: await phone.unused() });
  await demo.press('Sign in');
  await demo.press('Text message');
  await demo.takeCode();
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.topic('Recovery codes');
  await demo.press('Create codes');
  await page.getByText('not shown again').waitFor();
  const [code] = await page.locator('.codes code').allTextContents();
  await demo.press('I saved them');
  await signOut();
  await demo.topic('Lost phone');
  const recover = page.locator('form', { has: page.getByLabel('Recovery code') });
  const fill = async (values) => {
    for (const [label, value] of Object.entries(values)) {
      await recover.getByLabel(label, { exact: label === 'Password' }).fill(value);
    }
  };
  await fill({ 'E-mail address, phone': user, Password: 'Wrong-Horse-9', 'Recovery code': code, 'New password': 'Recovered-Horse-6' });
  await demo.press('Recover the account');
  await demo.told(/code-wrong: The code is wrong/);
  await demo.inspect('lost-phone-refused');
  await fill({ Password: password });
  await demo.press('Recover the account');
  await page.getByText('The account was recovered').waitFor();
  await demo.inspect('lost-phone-recovered');
  const shown = await page.locator('#calls').textContent();
  assert.ok(!shown.includes(password) && !shown.includes('Recovered-Horse-6'), 'no password is shown');
  await demo.topic('Sign in');
  await demo.fill({ 'E-mail address, phone': user, Password: password });
  await demo.press('Sign in');
  await demo.told(/Incorrect username or password/);
  password = 'Recovered-Horse-6';
  await signIn();
  await demo.press('Text message');
  await demo.takeCode();
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.topic('Authenticator app');
  await demo.press('Set up');
  phone = new Authenticator(await demo.scan());
  await demo.fill({ Code: phone.next() });
  await demo.press('Verify');
  await demo.fact('Preferred', 'authenticator app');
});

test('a password is changed, forgotten and set anew; the second factor stays', async () => {
  // An address cannot be a factor and also reset the password (cognito.md §3.6).
  await page.getByLabel('E-mail').selectOption('DISABLED');
  await demo.press('Save');
  await page.getByText('Saved.').waitFor();
  await demo.topic('Password');
  await demo.inspect('password');
  await demo.fill({ 'Current password': password, 'New password': 'Another-Horse-8' });
  await demo.press('Change the password');
  await page.getByText('The password was changed.').waitFor();
  await signOut();
  await demo.topic('Forgot password');
  await demo.inspect('forgotten-password');
  await demo.fill({ 'E-mail address, phone': user });
  await demo.press('Send a code');
  await demo.takeCode();
  password = 'Third-Horse-7';
  await demo.fill({ 'New password': password });
  await demo.inspect('forgotten-password-code');
  await demo.press('Set the password');
  await demo.screen('Sign in');
  await signIn();
  await enterCode();
});

test('a keyboard is enough, and a screen that opens has the focus', async () => {
  await page.getByRole('link', { name: 'Account' }).focus();
  await page.keyboard.press('Enter');
  await demo.screen('Account');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'screen-title');
  await page.getByLabel('Number for codes by SMS').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Set');
});

test('sign-outs end the tokens; without a user the screens say so', async () => {
  await demo.press('Everywhere');
  await demo.screen('Sign in');
  await page.goto(`${cloud.endpoints.console}/demo#factors`);
  await page.locator('#place').getByText('first.').waitFor();
});

test('a pool that requires MFA leads a new user to an authenticator, on the other name of the machine too', async (t) => {
  const strict = await startCloud(['--memory', '--mfa', 'on']);
  t.after(() => strict.stop());
  await page.goto(`${strict.endpoints.console.replace('127.0.0.1', 'localhost')}/demo`);
  await demo.fill({ 'E-mail address': user, Password: password });
  await demo.press('Sign up');
  await demo.takeCode();
  await demo.press('Confirm');
  await demo.screen('Sign in');
  await signIn();
  await demo.press('Use the code from this page');
  await demo.inspect('sign-in-set-up');
  await demo.press('Set up and sign in');
  await demo.screen('Factors');
  await demo.fact('Set up', 'authenticator app');
});

async function signIn() {
  await demo.signIn(user, password);
}

async function signOut() {
  await demo.signOut();
}

/** Follows the link of a refusal. The remembered browser is then not used. */
async function signInAgain() {
  await page.getByRole('alert').getByRole('link', { name: 'Sign in again' }).click();
  await demo.screen('Sign in');
  assert.equal(await page.getByLabel('E-mail address, phone').inputValue(), user);
  await demo.fill({ Password: password });
  await demo.press('Sign in');
  await page.locator('#place:not(:has(.busy)):not(:has([name=password]))').waitFor();
}

/** Enters a code of the phone as the second factor. */
async function enterCode() {
  await demo.fill({ Code: await phone.unused() });
  await demo.press('Sign in');
  await demo.screen('Factors');
}
