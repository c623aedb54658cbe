// The console in a real headless Chromium. It shows a sign-in while it happens, shows codes, switches a fault
// on, and works with the keyboard alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { picture, startPage } from '../harness/browser.js';
import { startCloud } from '../harness/cloud.js';
import { signIn, signUp } from '../harness/user.js';

let browser;
let cloud;
let page;

before(async () => {
  cloud = await startCloud();
  browser = await startPage();
  page = browser.page;
  await page.goto(cloud.endpoints.console);
  await page.getByRole('status').filter({ hasText: /live/i }).waitFor();
});

after(async () => {
  await browser?.close();
  const end = await cloud.stop();
  assert.deepEqual({ code: end.code, survivors: end.survivors }, { code: 0, survivors: [] });
});

let address;

test('a sign-up and a sign-in appear while they happen', async () => {
  address = await signUp(cloud);
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await timeline.getByText('PreSignUp_SignUp').waitFor();
  await timeline.getByText('PostConfirmation_ConfirmSignUp').waitFor();
  await signIn(cloud, address);
  await timeline.getByText('PreAuthentication_Authentication').waitFor();
  await timeline.getByText('PostAuthentication_Authentication').waitFor();
  assert.ok((await timeline.getByText(/cold, /).count()) >= 4, 'each function was started cold once');

  await signIn(cloud, address);
  const again = timeline.getByRole('button', { name: /PreAuthentication_Authentication/ });
  await again.nth(1).waitFor();
  assert.doesNotMatch(await again.first().innerText(), /cold/, 'the newest stands first, and it was warm');
});

test('a trigger shows its event and its answer, by keyboard too', async () => {
  const newest = page.getByRole('button', { name: /PreSignUp_SignUp/ }).first();
  await newest.focus();
  await page.keyboard.press('Enter');
  assert.equal(await newest.getAttribute('aria-expanded'), 'true');
  const details = page.locator(`#${await newest.getAttribute('aria-controls')}`);
  await details.getByText('"triggerSource": "PreSignUp_SignUp"').first().waitFor();
  await details.getByRole('heading', { name: 'Response' }).waitFor();
});

test('the code of a message can be read, and messages are found by address', async () => {
  const outbox = page.getByRole('region', { name: 'Outbox' });
  const { code } = (await cloud.messages(address)).at(-1);
  await outbox.getByRole('button', { name: `Copy code ${code}` }).waitFor();
  await outbox.getByRole('searchbox').fill('nobody@');
  await outbox.getByRole('button', { name: `Copy code ${code}` }).waitFor({ state: 'hidden' });
  await outbox.getByRole('searchbox').fill('');
});

test('users are listed with their state', async () => {
  const users = page.getByRole('region', { name: 'Users' });
  await users.getByText(address).first().waitFor();
  await users.getByText('confirmed', { exact: true }).first().waitFor();
});

test('a fault that is switched on is felt, seen, and ends when switched off', async () => {
  const faults = page.getByRole('region', { name: 'Faults' });
  const row = faults.getByRole('row', { name: /pre-authentication/ });
  const failing = row.getByRole('combobox').last();
  await failing.selectOption('fails');
  await assert.rejects(eventually(() => signIn(cloud, address)), /PreAuthentication/);
  await page.getByRole('region', { name: 'Timeline' }).locator('.badge.bad').first().waitFor();
  await picture(page, 'console');
  await failing.selectOption('');
  await page.waitForFunction(() => document.querySelector('#warning').hidden);
  assert.ok((await signIn(cloud, address)).AccessToken);
});

test('a risk that is switched on blocks a sign-in and tells the user', async () => {
  const risk = page.getByRole('region', { name: 'Faults' }).getByLabel('Rate sign-ins as');
  await risk.selectOption('high');
  const refused = { name: 'NotAuthorizedException', message: /security reasons/ };
  const before = (await cloud.messages(address)).length;
  await assert.rejects(eventually(() => signIn(cloud, address)), refused);
  const told = page.getByRole('region', { name: 'Outbox' }).getByRole('listitem').filter({ hasText: address });
  await told.nth(before).waitFor();
  await picture(page, 'console-risk');
  await page.reload();
  // The page requests its switches from the pool after loading.
  await page.waitForFunction(() => [...document.querySelectorAll('select')].some((select) => select.value === 'high'));
  assert.equal(await risk.inputValue(), 'high', 'the page shows what the pool has');
  await risk.selectOption('none');
  await page.waitForFunction(() => document.querySelector('#warning').hidden);
  assert.equal((await eventuallyPasses(() => signIn(cloud, address))).TokenType, 'Bearer');
});

/** A switch takes effect with its answer, and a sign-in may be faster. Tries until the sign-in is refused. */
async function eventually(attempt) {
  for (let tries = 0; tries < 50; tries += 1) await attempt();
}

/** Tries until the sign-in succeeds. */
async function eventuallyPasses(attempt) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 50) throw error;
    }
  }
}
