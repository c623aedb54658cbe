// Custom mode of the demo app in a real headless Chromium. The user gets codes by message, sets up a first
// authenticator in the sign-in, and uses recovery codes after a lost phone. No script can read the key of the
// trusted browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { startPage } from '../harness/browser.js';
import { startCloud, temporaryFolder } from '../harness/cloud.js';
import { DemoPage } from '../harness/demo-page.js';
import { templateWith } from '../harness/policy.js';
import { PASSWORD, createUser } from '../harness/user.js';

const folder = temporaryFolder();
// With this policy the test need not wait a minute for another code.
const policy = `
  [governor]
  cool_down_seconds = 1
  [custom_auth]
  resend_after_seconds = 1
`;
let browser;
let cloud;
let codes;
let demo;
let page;
let phone;
let user;

before(async () => {
  cloud = await startCloud(['--memory', '--template', templateWith(folder.path, policy)]);
  user = await createUser(cloud);
  browser = await startPage();
  page = browser.page;
  demo = new DemoPage(page);
  await page.goto(`${cloud.endpoints.console}/demo#sign-in`);
});

after(async () => {
  folder.remove();
  await browser?.close();
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

test('password, then a code by e-mail: wrong, another one, right; and it is not enough', async () => {
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.inspect('custom-begin');
  await demo.press('E-mail');
  await demo.takeCode();
  const first = await page.getByLabel('Code').inputValue();
  await demo.fill({ Code: other(first) });
  await demo.press('Sign in');
  await demo.told(/The code is wrong\. Attempts left: 4\./);
  await demo.inspect('custom-code');
  await page.waitForTimeout(1100);
  await demo.press('Send another code');
  await demo.takeCode();
  await demo.press('Sign in');
  await page.getByText('You have no second factor yet.').waitFor();
});

test('the first sign-in sets up an authenticator', async () => {
  await demo.inspect('custom-enrol');
  const link = page.getByRole('link', { name: 'open in an authenticator app' });
  const uri = new URL(await link.getAttribute('href'));
  const secret = (await page.locator('code.secret').textContent()).replaceAll(' ', '');
  assert.deepEqual([uri.protocol, uri.searchParams.get('secret')], ['otpauth:', secret]);
  phone = new Authenticator(secret);
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Set up and sign in');
  await demo.told(/The code is wrong\. Attempts left: /);
  await demo.fill({ Code: await phone.late() });
  await demo.press('Set up and sign in');
  await demo.screen('Factors');
  await demo.fact('Named authenticators', 'Authenticator app');
  await demo.topic('Account');
  await page.getByText('custom', { exact: true }).waitFor();
});

test('this browser is trusted after a sign-in with a code, and signs in the place of one', async () => {
  await demo.topic('Trusted devices');
  await demo.fill({ 'Name of this browser': 'Test browser' });
  await demo.press('Trust this browser');
  await demo.told(/second-factor-required/);
  await signInAgain('Sign in again');
  await withAuthenticator();
  await demo.topic('Trusted devices');
  await demo.fill({ 'Name of this browser': 'Test browser' });
  await demo.press('Trust this browser');
  await page.getByText('This browser is trusted.').waitFor();
  await demo.inspect('trusted-devices');
  await demo.signOut();
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('This browser');
  await demo.screen('Factors');
  await demo.fact('Trusted devices', 'Test browser');
  const extractable = await page.evaluate(
    () =>
      new Promise((done) => {
        indexedDB.open('demo').onsuccess = ({ target }) => {
          const keys = target.result.transaction('keys').objectStore('keys').getAll();
          keys.onsuccess = () => done(keys.result.map(({ privateKey }) => privateKey.extractable));
        };
      }),
  );
  assert.deepEqual(extractable, [false]);
});

test('a sign-in on a trusted browser allows no change until a code was entered', async () => {
  await demo.topic('Trusted devices');
  await demo.press('Revoke Test browser');
  await demo.told(/second-factor-required/);
  await signInAgain('Sign in again');
  await withAuthenticator();
  await demo.topic('Trusted devices');
  await demo.press('Revoke Test browser');
  await page.getByText('The device is no longer trusted.').waitFor();
});

test('after a native sign-in a first authenticator is refused, and the custom sign-in sets it up', async () => {
  await demo.signOut();
  // A user may have only a few running sign-ins.
  user = await createUser(cloud);
  await demo.signIn(user, PASSWORD);
  await demo.screen('Factors');
  await demo.topic('Named authenticators');
  await demo.inspect('named-authenticators');
  await demo.fill({ Name: 'Phone' });
  await demo.press('Set up');
  await demo.told(/enrolment-closed/);
  await signInAgain('Sign in again in custom mode');
  await demo.press('E-mail');
  await demo.takeCode();
  await demo.press('Sign in');
  await demo.press('Use the code from this page');
  await demo.press('Set up and sign in');
  await demo.screen('Factors');
  await demo.fact('Named authenticators', 'Authenticator app');
});

test('another authenticator is set up by its QR code', async () => {
  await demo.signOut();
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('Authenticator app');
  await demo.press('Use the code from this page');
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.topic('Named authenticators');
  await demo.fill({ Name: 'Phone' });
  await demo.press('Set up');
  phone = new Authenticator(await demo.scan());
  await demo.inspect('named-authenticators-qr');
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Verify');
  await demo.told(/code-wrong/);
  // A code works once over all authenticators. The page has used up to two of the current time step.
  phone.next();
  phone.next();
  await demo.fill({ Code: await phone.unused() });
  await demo.press('Verify');
  await page.getByText('You can now sign in with “Phone”.').waitFor();
  await demo.press('Rename Phone');
  await demo.fill({ 'New name': 'Blue phone' });
  await demo.press('Rename');
  await page.getByText('Blue phone', { exact: true }).waitFor();
  await demo.inspect('named-authenticators-list');
});

test('codes by message are kept or turned off', async () => {
  await demo.topic('Account');
  await page.getByLabel('Codes by e-mail', { exact: true }).selectOption('on');
  await page.getByLabel('Codes by text message', { exact: true }).selectOption('off');
  await demo.inspect('account-message-codes');
  await demo.press('Save');
  await page.getByText('Saved.').waitFor();
  await demo.topic('Factors');
  await demo.topic('Account');
  await page.getByLabel('Codes by e-mail', { exact: true }).waitFor();
  const settings = ['e-mail', 'text message'].map((name) => page.getByLabel(`Codes by ${name}`, { exact: true }).inputValue());
  assert.deepEqual(await Promise.all(settings), ['on', 'off']);
});

test('its code signs in, and there is a way back to the choice', async () => {
  await demo.signOut();
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('Authenticator app');
  await demo.press('Another way');
  await demo.press('Authenticator app');
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Sign in');
  await demo.told(/Attempts left: 4/);
  await demo.fill({ Code: await phone.unused() });
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.fact('Named authenticators', 'Blue phone');
});

test('recovery codes are shown once', async () => {
  await demo.topic('Recovery codes');
  await demo.press('Create codes');
  await page.getByText('not shown again').waitFor();
  codes = await page.locator('.codes code').allTextContents();
  assert.equal(new Set(codes).size, 10);
  await demo.inspect('recovery-codes');
  await demo.press('I saved them');
  await demo.fact('Left', '10');
});

test('the phone is lost: a recovery code signs in, once, and another phone is set up', async () => {
  await demo.signOut();
  await withRecoveryCode(codes[0]);
  await demo.screen('Factors');
  await demo.fact('Recovery codes', '9 left');
  await demo.topic('Named authenticators');
  await demo.press('Remove Blue phone');
  await page.getByText('The authenticator was removed.').waitFor();
  await demo.fill({ Name: 'This page' });
  await demo.press('Set up');
  // The phone has used some current codes, so the page's second one is of a later time step.
  await phone.unused();
  await demo.press('Use the code from this page');
  await demo.press('Use the code from this page');
  await demo.press('Verify');
  await page.getByText('You can now sign in with “This page”.').waitFor();
  await demo.signOut();
  await withRecoveryCode(codes[0]);
  await demo.told(/The code is wrong/);
  await demo.inspect('custom-recovery');
  await demo.fill({ 'Recovery code': codes[1] });
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.fact('Named authenticators', 'This page');
  await demo.fact('Recovery codes', '8 left');
});

/** Follows the link of a refusal. The user and the mode are filled in. */
async function signInAgain(link) {
  await page.getByRole('alert').getByRole('link', { name: link, exact: true }).click();
  await demo.screen('Sign in');
  assert.equal(await page.getByLabel('E-mail address, phone').inputValue(), user);
  assert.equal(await page.getByLabel('Second factor').inputValue(), 'custom');
  await demo.fill({ Password: PASSWORD });
  await demo.press('Sign in');
  await page.locator('#place:not(:has(.busy)):not(:has([name=password]))').waitFor();
}

async function withAuthenticator() {
  await demo.press('Authenticator app');
  await demo.fill({ Code: await phone.unused() });
  await demo.press('Sign in');
  await demo.screen('Factors');
}

async function withRecoveryCode(code) {
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('Recovery code');
  await demo.fill({ 'Recovery code': code });
  await demo.press('Sign in');
}

function other(code) {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}
