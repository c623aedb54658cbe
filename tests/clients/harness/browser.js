// A headless Chromium that may not send requests beyond this machine.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { workspace } from './cloud.js';

const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };

/** Opens a page at desktop width in a separate browser. `close()` ends both. */
export async function startPage() {
  const browser = await chromium.launch({
    executablePath: process.env.COGNITO_MFA_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const page = await browser.newPage({ viewport: DESKTOP });
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => assert.fail(error));
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    const isHere = ['127.0.0.1', 'localhost'].includes(hostname);
    assert.ok(protocol === 'data:' || isHere, `the page asked for ${request.url()}`);
  });
  return { page, close: () => browser.close() };
}

/** Takes a picture at desktop width and one at a phone's width, where no element may exceed the width. */
export async function picture(page, name) {
  const folder = join(workspace, 'target/console');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.setViewportSize(PHONE);
  await assertFits(page);
  await page.screenshot({ path: join(folder, `${name}-phone.png`), fullPage: true });
  await page.setViewportSize(DESKTOP);
  await assertFits(page);
}

async function assertFits(page) {
  const overflow = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assert.equal(overflow, 0, 'nothing sticks out to the side');
}
