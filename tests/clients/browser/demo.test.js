// The demo app walked through in a real headless Chromium, as a developer would: every way in, every
// factor, what goes wrong on the way. Each screen is looked at by axe and has its pictures.
import axe from 'axe-core';
import jsQR from 'jsqr';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PNG } from 'pngjs';

import { Authenticator } from '../harness/authenticator.js';
import { picture, startPage } from '../harness/browser.js';
import { startCloud } from '../harness/cloud.js';
import { PASSWORD, newAddress } from '../harness/user.js';

const PHONE_NUMBER = '+12025550123';
const user = newAddress();
let browser;
let cloud;
let page;
let password = PASSWORD;
let phone;

before(async () => {
  cloud = await startCloud();
  browser = await startPage();
  page = browser.page;
  await page.goto(`${cloud.endpoints.console}/demo`);
});

after(async () => {
  await browser?.close();
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('a user signs up and confirms with the code from the outbox', async () => {
  await screen('Sign up');
  await inspect('sign-up');
  await fill({ 'E-mail address': user, Password: password });
  await press('Sign up');
  await takeCode();
  await inspect('confirm');
  await press('Confirm');
  await screen('Sign in');
});

test('a form that is not filled in says so and calls nothing', async () => {
  const before = await page.locator('#calls > li').count();
  await press('Sign in');
  await told(/Fill in: E-mail address/);
  assert.equal(await page.locator('#calls > li').count(), before);
});

test("a wrong password is refused with Cognito's own words", async () => {
  await fill({ 'E-mail address, phone': user, Password: 'Wrong-Horse-9' });
  await press('Sign in');
  await told(/NotAuthorizedException: Incorrect username or password\./);
  await inspect('sign-in-refused');
});

test('the right password signs in, and neither it nor a token is shown', async () => {
  await signIn();
  await screen('Factors');
  await page.getByText('none: the password alone signs in').waitFor();
  await inspect('factors-none');
  const shown = await page.locator('#calls').textContent();
  assert.match(shown, /PASSWORD_CLAIM_SIGNATURE/);
  assert.ok(!shown.includes(password) && !/eyJ[\w-]{40}/.test(shown));
});

test('an authenticator is set up by the QR code; a wrong code sets nothing up', async () => {
  await topic('Authenticator app');
  await inspect('authenticator');
  await press('Set up');
  phone = new Authenticator(await scan());
  await inspect('authenticator-qr');
  await fill({ Code: phone.wrong() });
  await press('Verify');
  await told(/code-wrong: The code is wrong/);
  await fill({ Code: phone.next(), 'Name of the device': 'Test phone' });
  await press('Verify');
  await screen('Factors');
  await fact('Preferred', 'authenticator app');
  await inspect('factors');
});

test('a sign-in asks for the code; a wrong one may be tried again', async () => {
  await signOut();
  await signIn();
  await page.getByText('“Test phone”').waitFor();
  await fill({ Code: phone.wrong() });
  await press('Sign in');
  await told(/CodeMismatchException/);
  await inspect('sign-in-totp');
  await fill({ Code: phone.next() });
  await press('Sign in');
  await screen('Factors');
});

test('a remembered browser is asked for no code, until it is forgotten', async () => {
  await topic('Remembered devices');
  await fill({ 'Name of this browser': 'Test browser' });
  await press('Remember this browser');
  await page.getByText('This browser is remembered.').waitFor();
  await page.getByText('this browser ·').waitFor();
  await inspect('devices');
  await signOut();
  await signIn();
  await screen('Factors');
  await page.locator('#calls').getByText('DEVICE_PASSWORD_VERIFIER', { exact: true }).first().waitFor();
  await topic('Account');
  await press('Refresh');
  await page.getByText('New tokens are here.').waitFor();
  await topic('Remembered devices');
  await press('Forget Test browser');
  await page.getByText('None.').waitFor();
});

test('a pool that forgot the browser asks it for a code again', async () => {
  await signOut();
  await replaceAuthenticator();
  await topic('Remembered devices');
  await press('Remember this browser');
  await page.getByText('This browser is remembered.').waitFor();
  const { Devices } = await cloud.cognito('AdminListDevices', { UserPoolId: cloud.endpoints.userPoolId, Username: user });
  const { DeviceKey } = Devices[0];
  await cloud.cognito('AdminForgetDevice', { UserPoolId: cloud.endpoints.userPoolId, Username: user, DeviceKey });
  await signOut();
  await signIn();
  await page.locator('#calls').getByText('ResourceNotFoundException').first().waitFor();
  await fill({ Code: phone.next() });
  await press('Sign in');
  await screen('Factors');
});

test('a phone number becomes a factor, verified by the first sign-in with it', async () => {
  await topic('Account');
  await fill({ 'Number for codes by SMS': PHONE_NUMBER });
  await press('Set');
  await fact('Phone', `${PHONE_NUMBER}, not verified`);
  await inspect('account');
  await topic('Factors');
  await page.getByLabel('Text message').selectOption('PREFERRED');
  await press('Save');
  await fact('Preferred', 'text message');
  await signOut();
  await signIn();
  await takeCode();
  await inspect('sign-in-sms');
  await press('Sign in');
  await screen('Factors');
  await topic('Account');
  await fact('Phone', `${PHONE_NUMBER}, verified`);
});

test('another phone number is verified by a code of its own', async () => {
  await fill({ 'Number for codes by SMS': '+12025550124' });
  await press('Set');
  await press('Verify it');
  await takeCode();
  await press('Verify');
  await page.getByText('The number is verified.').waitFor();
  await topic('Factors');
});

test('with several factors and none preferred the user chooses', async () => {
  await page.getByLabel('Text message').selectOption('NOT_PREFERRED');
  await page.getByLabel('E-mail').selectOption('ENABLED');
  await press('Save');
  await fact('Preferred', 'none');
  await signOut();
  await signIn();
  await page.getByRole('button', { name: 'Authenticator app' }).waitFor();
  await inspect('sign-in-choice');
  await press('E-mail');
  await takeCode();
  await press('Sign in');
  await screen('Factors');
});

test('two preferred factors are refused, and the screen says why', async () => {
  for (const factor of ['Text message', 'E-mail']) await page.getByLabel(factor).selectOption('PREFERRED');
  await press('Save');
  await told(/two-preferred-factors/);
});

test('a second authenticator is set up only after a warning', async () => {
  await topic('Authenticator app');
  await press('Set up');
  await page.getByText('the old app stops working now').waitFor();
  await inspect('authenticator-replace');
  await press('Keep it');
  await screen('Factors');
});

test('a lost phone: an administrator takes it away, and the page becomes the next one', async () => {
  await topic('Authenticator app');
  await press('Set up');
  await press('Replace it');
  await press('Take it from this page');
  await press('Verify');
  await screen('Factors');
  await signOut();
  await signIn();
  await page.getByRole('button', { name: 'Take it from this page' }).waitFor();
  await press('I lost my phone');
  await screen('Lost phone');
  const [lose, administrator] = await page.getByLabel('E-mail address, phone').all();
  await lose.fill(user);
  await press('Lose the phone');
  await page.getByText('This page has no more codes').waitFor();
  await inspect('lost-phone');
  await topic('Sign in');
  await signIn();
  await page.getByRole('button', { name: 'I lost my phone' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Take it from this page' }).count(), 0);
  await press('I lost my phone');
  await screen('Lost phone');
  await administrator.fill(user);
  await press('Take the authenticator away');
  await page.getByText('The authenticator is gone').waitFor();
  await topic('Sign in');
  await signIn();
  await screen('Sign in');
  await press('Text message');
  await takeCode();
  await press('Sign in');
  await screen('Factors');
  await topic('Authenticator app');
  await press('Set up');
  phone = new Authenticator(await scan());
  await fill({ Code: phone.next() });
  await press('Verify');
  await fact('Preferred', 'authenticator app');
});

test('a password is changed, forgotten and set anew; the second factor stays', async () => {
  // No address is a factor and the way back to the password at once (COGNITO.md §3.6).
  await page.getByLabel('E-mail').selectOption('DISABLED');
  await press('Save');
  await page.getByText('Saved.').waitFor();
  await topic('Password');
  await inspect('password');
  await fill({ 'Password until now': password, 'New password': 'Another-Horse-8' });
  await press('Change the password');
  await page.getByText('The password is changed.').waitFor();
  await signOut();
  await topic('Forgot password');
  await inspect('forgotten-password');
  await fill({ 'E-mail address, phone': user });
  await press('Send a code');
  await takeCode();
  password = 'Third-Horse-7';
  await fill({ 'New password': password });
  await inspect('forgotten-password-code');
  await press('Set the password');
  await screen('Sign in');
  await signIn();
  await fill({ Code: phone.next() });
  await press('Sign in');
  await screen('Factors');
});

test('a keyboard is enough, and a screen that opens has the focus', async () => {
  await page.getByRole('link', { name: 'Account' }).focus();
  await page.keyboard.press('Enter');
  await screen('Account');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'screen-title');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Set');
});

test('sign-outs end the tokens; without a user the screens say so', async () => {
  await press('Everywhere');
  await screen('Sign in');
  await page.goto(`${cloud.endpoints.console}/demo#factors`);
  await page.locator('#place').getByText('first.').waitFor();
});

test('a pool that requires MFA leads a new user to an authenticator, on the other name of the machine too', async (t) => {
  const strict = await startCloud(['--memory', '--mfa', 'on']);
  t.after(() => strict.stop());
  await page.goto(`${strict.endpoints.console.replace('127.0.0.1', 'localhost')}/demo`);
  await fill({ 'E-mail address': user, Password: password });
  await press('Sign up');
  await takeCode();
  await press('Confirm');
  await screen('Sign in');
  await signIn();
  await press('Take it from this page');
  await inspect('sign-in-set-up');
  await press('Set up and sign in');
  await screen('Factors');
  await fact('Set up', 'authenticator app');
});

async function screen(title) {
  await page.getByRole('heading', { level: 2, name: title, exact: true }).waitFor();
}

async function topic(name) {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await screen(name);
}

async function fill(values) {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: false }).first().fill(value);
}

async function press(name) {
  await page.locator('#place').getByRole('button', { name, exact: true }).click();
}

async function told(pattern) {
  await page.getByRole('alert').filter({ hasText: pattern }).waitFor();
}

async function fact(name, value) {
  await page.locator(`dt:text-is("${name}") + dd`).filter({ hasText: value }).waitFor();
}

async function takeCode() {
  await press('Fill in from the outbox');
  await page.waitForFunction(() => /^[0-9]{6,8}$/.test(document.querySelector('[name=code]')?.value ?? ''));
}

async function signIn() {
  await screen('Sign in');
  await fill({ 'E-mail address, phone': user, Password: password });
  await press('Sign in');
  await page.locator('#place:not(:has(.busy)):not(:has([name=password]))').waitFor();
}

async function signOut() {
  await topic('Account');
  await press('Here');
  await screen('Sign in');
}

/** The user signs in with the phone's code and sets up another: each phone has two codes at once. */
async function replaceAuthenticator() {
  const Username = user;
  await cloud.cognito('AdminDeleteSoftwareToken', { UserPoolId: cloud.endpoints.userPoolId, Username });
  await signIn();
  await topic('Authenticator app');
  await press('Set up');
  phone = new Authenticator(await scan());
  await fill({ Code: phone.next() });
  await press('Verify');
  await screen('Factors');
}

/** The secret in the QR code, read from the picture on the screen. */
async function scan() {
  const { data, width, height } = PNG.sync.read(await page.getByRole('img', { name: /QR code/ }).screenshot());
  const uri = new URL(jsQR(new Uint8ClampedArray(data), width, height).data);
  assert.equal(uri.protocol, 'otpauth:');
  assert.equal(uri.searchParams.get('algorithm') ?? 'SHA1', 'SHA1');
  return uri.searchParams.get('secret');
}

/** No finding of axe's in either colour scheme, and pictures. */
async function inspect(name) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    if (name === 'factors' && colorScheme === 'dark') await picture(page, 'demo-dark');
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.html).join(' ')}`);
    assert.deepEqual(found, [], `${name}, ${colorScheme}`);
  }
  await picture(page, `demo-${name}`);
}
