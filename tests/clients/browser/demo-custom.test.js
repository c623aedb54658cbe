// Custom mode of the demo app in a real headless Chromium: authenticators of ours, codes by message,
// a trusted browser whose key nobody can read, recovery codes after a lost phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Authenticator } from '../harness/authenticator.js';
import { startPage } from '../harness/browser.js';
import { startCloud, temporaryFolder } from '../harness/cloud.js';
import { DemoPage } from '../harness/demo-page.js';
import { templateWith } from '../harness/policy.js';
import { PASSWORD, signUp } from '../harness/user.js';

const folder = temporaryFolder();
// Nobody waits a minute for another code here.
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
  user = await signUp(cloud);
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

test('password, then a code by e-mail: wrong, another one, right', async () => {
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
  await demo.screen('Factors');
  await demo.topic('Account');
  await page.getByText('custom', { exact: true }).waitFor();
});

test('this browser is trusted and signs in the place of a code', async () => {
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

test('who came in on a trusted browser must enter a code before another is trusted', async () => {
  await demo.topic('Trusted devices');
  await demo.press('Revoke Test browser');
  await page.getByText('The device is no longer trusted.').waitFor();
  await demo.press('Trust this browser');
  await demo.told(/fresh-code-required/);
});

test('an authenticator of ours is set up by its QR code, after a native sign-in too', async () => {
  await demo.signOut();
  // Somebody else: a user has few sign-ins under way at once.
  user = await signUp(cloud);
  await demo.signIn(user, PASSWORD);
  await demo.screen('Factors');
  await demo.topic('Own authenticators');
  await demo.inspect('own-authenticators');
  await demo.fill({ Name: 'Phone' });
  await demo.press('Set up');
  phone = new Authenticator(await demo.scan());
  await demo.inspect('own-authenticators-qr');
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Verify');
  await demo.told(/code-wrong/);
  // Codes are good once over all authenticators; this leaves two for what is to come.
  await demo.fill({ Code: await phone.late() });
  await demo.press('Verify');
  await page.getByText('You can now sign in with “Phone”.').waitFor();
  await demo.press('Rename Phone');
  await demo.fill({ 'New name': 'Blue phone' });
  await demo.press('Rename');
  await page.getByText('Blue phone', { exact: true }).waitFor();
  await demo.inspect('own-authenticators-list');
});

test('its code signs in, and there is a way back to the choice', async () => {
  await demo.signOut();
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('E-mail');
  await demo.press('Another way');
  await demo.press('Authenticator app');
  await demo.fill({ Code: phone.wrong() });
  await demo.press('Sign in');
  await demo.told(/Attempts left: 4/);
  await demo.fill({ Code: phone.next() });
  await demo.press('Sign in');
  await demo.screen('Factors');
  await demo.fact('Own authenticators', 'Blue phone');
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
  await demo.topic('Own authenticators');
  await demo.press('Remove Blue phone');
  await page.getByText('The authenticator was removed.').waitFor();
  await demo.fill({ Name: 'This page' });
  await demo.press('Set up');
  // The phone has used the first of these.
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
  await demo.fact('Own authenticators', 'This page');
  await demo.fact('Recovery codes', '8 left');
});

async function withRecoveryCode(code) {
  await demo.signIn(user, PASSWORD, 'custom');
  await demo.press('Recovery code');
  await demo.fill({ 'Recovery code': code });
  await demo.press('Sign in');
}

function other(code) {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}
