// Opens the page of the built sample shop in a real Chromium, does what a visitor would, and leaves a screenshot in test-results/.
//   npm run build:sample && npm run page-test
// The browser is the one that CHROMIUM names, or the first that is on the PATH.

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { ShopProcess } from './shop-process.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist-sample/sample-app/src/main.js');
const SCREENSHOT = join(ROOT, 'test-results/sample-shop.png');
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** For what is due after 10 s. */
const LATER_MS = 30_000;

function browserPath() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [process.env.CHROMIUM ?? [], candidates].flat().find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`No Chromium found: install one of ${NAMES.join(', ')}, or set CHROMIUM.`);
  return found;
}

const checks = [];
const check = (name, work) => checks.push({ name, work });

const directory = await mkdtemp(join(tmpdir(), 'nestjs-rocket-page-'));
const shop = new ShopProcess(MAIN, directory, {
  DATA_DIR: directory,
  CHECK_TIMEOUT_MS: '3000',
  CHECK_INTERVAL_MS: '1000',
});
let browser;
let failed = 0;
try {
  await shop.start();
  browser = await chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(shop.url);

  const delivery = (...texts) =>
    texts.reduce((rows, text) => rows.filter({ hasText: text }), page.locator('#events tr')).first();
  const see = (locator, timeout = LATER_MS) => locator.waitFor({ state: 'visible', timeout });

  check('is live', () => see(page.getByText('live', { exact: true })));
  check('shows a message arriving', async () => {
    await page.fill('#love [name=text]', '<b>hello & good day</b>');
    await page.click('#love button');
    await see(delivery('madoka', '<b>hello & good day</b>', 'done'), 5000);
  });
  check('sets off all that has to wait', async () => {
    await page.fill('#order [name=orderNo]', 'A-unpaid');
    await page.click('#order [name=place]');
    await see(page.locator('#answer', { hasText: 'CREATED' }));
    await page.fill('#order [name=orderNo]', 'A-paid');
    await page.click('#order [name=place]');
    await see(page.locator('#answer', { hasText: 'A-paid' }));
    await page.click('#order [name=pay]');
    await see(page.locator('#answer', { hasText: 'PAID' }));
    await page.fill('#flaky [name=id]', 'X-patient');
    await page.click('#flaky button');
    await see(delivery('X-patient', 'threw'), 5000);
    await page.fill('#flaky [name=id]', 'X-impatient');
    await page.fill('#flaky [name=failTimes]', '9');
    await page.selectOption('#flaky [name=impatient]', 'true');
    await page.click('#flaky button');
    await see(delivery('X-impatient', 'threw'), 5000);
  });
  check('shows what waits for its time', () => see(page.locator('#delayed', { hasText: 'next in' })));
  check('shows an undecided transaction, and its check-back deciding it', async () => {
    await page.fill('#fee [name=feeId]', 'F-unknown');
    await page.selectOption('#fee [name=outcome]', 'unknown');
    await page.click('#fee button');
    await see(page.locator('#transactions', { hasText: 'fee-paid' }));
    await see(delivery('fee-paid', 'F-unknown', 'booked'));
    await see(page.locator('#transactions', { hasText: 'none' }));
  });
  check('shows a dead letter', async () => {
    await see(delivery('%DLQ%impatient', 'X-impatient', 'is a dead letter'));
    await see(page.locator('#groups tr.failed', { hasText: 'impatient' }));
  });
  check('shows the retry of a failed message after 10 s', () => see(delivery('patient', 'X-patient', 'done')));
  check('shows orders closed, or not, after 10 s', async () => {
    await see(delivery('A-unpaid', 'the order is CLOSED'));
    await see(delivery('A-paid', 'the order is PAID'));
  });
  check('says why something is refused', async () => {
    await page.fill('#order [name=orderNo]', 'A-unpaid');
    await page.click('#order [name=place]');
    await see(page.locator('#answer.refused', { hasText: 'There is an order A-unpaid already.' }));
    // The browser reports the answer 409 to the console by itself.
    assert.deepEqual(
      complaints.splice(0).filter((text) => !text.includes('409')),
      [],
    );
  });
  check('goes on by itself after the shop was killed', async () => {
    const { url } = shop;
    await shop.killAndRestart({ port: new URL(url).port });
    await see(page.getByText('live', { exact: true }));
    complaints.length = 0;
    await page.fill('#love [name=text]', 'after the crash');
    await page.click('#love button');
    await see(delivery('madoka', 'after the crash', 'done'), 5000);
  });
  check('has no complaints in its console', () => assert.deepEqual(complaints, []));

  for (const { name, work } of checks) {
    try {
      await work();
      console.log(`ok      the page ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  the page ${name}: ${error.message}`);
    }
  }
  await mkdir(join(ROOT, 'test-results'), { recursive: true });
  await page.screenshot({ path: SCREENSHOT, fullPage: true });
  console.log(`screenshot: test-results/sample-shop.png`);
} finally {
  await browser?.close();
  await shop.stop();
  await rm(directory, { recursive: true, force: true });
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
