// The demo app as its user sees it: screens, fields, buttons.
import axe from 'axe-core';
import jsQR from 'jsqr';
import assert from 'node:assert/strict';
import { PNG } from 'pngjs';

import { picture } from './browser.js';

export class DemoPage {
  constructor(page) {
    this.page = page;
  }

  /** Waits for a screen. */
  async screen(title) {
    await this.page.getByRole('heading', { level: 2, name: title, exact: true }).waitFor();
  }

  /** Goes to a screen. */
  async topic(name) {
    await this.page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await this.screen(name);
  }

  /** Fills in fields, found by the beginning of their labels. */
  async fill(values) {
    const fields = this.page.locator('input, textarea');
    for (const [label, value] of Object.entries(values)) await this.page.getByLabel(label).and(fields).first().fill(value);
  }

  /** Presses a button once the screen has handled the last press. */
  async press(name) {
    await this.page.locator('#place:not(:has(.busy))').waitFor();
    await this.page.locator('#place').getByRole('button', { name, exact: true }).click();
  }

  /** Waits for an error. */
  async told(pattern) {
    await this.page.getByRole('alert').filter({ hasText: pattern }).waitFor();
  }

  /** Waits for a line of facts. */
  async fact(name, value) {
    await this.page.locator(`dt:text-is("${name}") + dd`).filter({ hasText: value }).waitFor();
  }

  /** Fills in the code of the latest message. */
  async takeCode() {
    await this.press('Fill in from the outbox');
    await this.page.waitForFunction(() => /^[0-9]{6,8}$/.test(document.querySelector('[name=code]')?.value ?? ''));
  }

  /** Signs in up to and including the password. */
  async signIn(user, password, mode = 'native') {
    await this.screen('Sign in');
    await this.fill({ 'E-mail address, phone': user, Password: password });
    await this.page.getByLabel('Second factor').selectOption(mode);
    await this.press('Sign in');
    await this.page.locator('#place:not(:has(.busy)):not(:has([name=password]))').waitFor();
  }

  async signOut() {
    await this.topic('Account');
    await this.press('Here');
    await this.screen('Sign in');
  }

  /** Returns the secret in the QR code, read from the picture on the screen. */
  async scan() {
    const picture = await this.page.getByRole('img', { name: /QR code/ }).screenshot();
    const { data, width, height } = PNG.sync.read(picture);
    const uri = new URL(jsQR(new Uint8ClampedArray(data), width, height).data);
    assert.equal(uri.protocol, 'otpauth:');
    assert.equal(uri.searchParams.get('algorithm') ?? 'SHA1', 'SHA1');
    return uri.searchParams.get('secret');
  }

  /** Checks that axe has no finding in either colour scheme, and takes pictures. */
  async inspect(name) {
    for (const colorScheme of ['dark', 'light']) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.evaluate(axe.source);
      const { violations } = await this.page.evaluate(() => globalThis.axe.run());
      const found = violations.map(
        ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.html).join(' ')}`,
      );
      assert.deepEqual(found, [], `${name}, ${colorScheme}`);
      await picture(this.page, colorScheme === 'dark' ? `demo-${name}-dark` : `demo-${name}`);
    }
  }
}
