// SPDX-License-Identifier: Apache-2.0
// A page in headless Chromium, spoken to over a pipe: at each width whether anything is cut
// off or wider than the screen, in light, dark and print; and what axe-core finds, when its
// file is given. Prints one line a trial, "ok" or "not ok"; needs no package of npm.
//   node browser.mjs CHROMIUM PAGE.html [axe.min.js]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [, , chromium, page, axe] = process.argv;
const profile = mkdtempSync(join(tmpdir(), 'page-'));
const flags = ['--headless=new', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', `--user-data-dir=${profile}`];
if (process.getuid() === 0) flags.push('--no-sandbox');
const child = spawn(chromium, [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const end = status => {
	const leave = () => { rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); process.exit(status); };
	if (child.exitCode !== null || child.pid === undefined) return leave();
	child.on('exit', leave);
	child.kill('SIGKILL');
};
child.on('error', e => { console.log(`not ok - chromium: ${e.message}`); end(1); });

let id = 0, rest = '';
const waiting = new Map(), events = new Map();
child.stdio[4].on('data', data => {
	const parts = (rest + data).split('\0');
	rest = parts.pop();
	for (const m of parts.map(JSON.parse)) {
		if (m.id) { const w = waiting.get(m.id); waiting.delete(m.id); m.error ? w.no(new Error(m.error.message)) : w.yes(m.result); }
		else { const w = events.get(m.method); if (w) { events.delete(m.method); w(); } }
	}
});
let session;
const send = (method, params = {}) => new Promise((yes, no) => {
	waiting.set(++id, { yes, no });
	child.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + '\0');
});
const run = async expression => {
	const r = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
	if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception?.description ?? r.exceptionDetails.text);
	return r.result.value;
};

let failed = 0;
const tell = (what, faults) => {
	console.log(`${faults.length ? 'not ok' : 'ok'} - ${what}`);
	for (const f of faults.slice(0, 8)) console.log(`# ${f}`);
	failed += faults.length > 0;
};

// What is wider than the screen, or than the box it is in.
const cut = `(() => {
	const far = document.documentElement.clientWidth + 1, all = [...document.querySelectorAll('body *')];
	const faults = document.documentElement.scrollWidth > far ? ['the page is ' + document.documentElement.scrollWidth + ' wide'] : [];
	for (const e of all) {
		if (e.closest('svg') !== null && e.tagName !== 'svg' || !e.getClientRects().length || e.matches('.skip')) continue;
		const box = e.getBoundingClientRect();
		const inline = getComputedStyle(e).display === 'inline';
		if (box.right > far || (!inline && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0))
			faults.push(e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + ' ' + Math.round(box.right) + ': ' + (e.textContent ?? '').trim().slice(0, 60));
	}
	return faults;
})()`;
// Words in a picture: not outside of it, and legible.
const words = `(() => [...document.querySelectorAll('svg.plot')].filter(s => s.getClientRects().length).flatMap(s => {
	const frame = s.getBoundingClientRect();
	return [...s.querySelectorAll('text')].filter(t => t.textContent.trim()).flatMap(t => {
		const b = t.getBoundingClientRect(), size = parseFloat(getComputedStyle(t).fontSize) * frame.width / s.viewBox.baseVal.width;
		return b.left < frame.left - 2 || b.right > frame.right + 2 || b.top < frame.top - 2 || b.bottom > frame.bottom + 2 ?
			[s.getAttribute('aria-labelledby') + ': cut off: ' + t.textContent] : size < 7.5 ? [s.getAttribute('aria-labelledby') + ': ' + size.toFixed(1) + ' px: ' + t.textContent] : [];
	});
}))()`;

try {
	const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
	session = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
	await send('Page.enable');
	await send('Page.setBypassCSP', { enabled: true });
	const loaded = new Promise(yes => events.set('Page.loadEventFired', yes));
	await send('Page.navigate', { url: `file://${resolve(page)}` });
	await loaded;
	for (const width of [320, 390, 768, 1024, 1280, 1920]) {
		await send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
		tell(`nothing is cut off at ${width} px`, await run(cut));
		tell(`words of pictures are whole and legible at ${width} px`, await run(words));
	}
	for (const media of ['screen', 'print'])
		for (const scheme of ['light', 'dark']) {
			await send('Emulation.setDeviceMetricsOverride', { width: media === 'print' ? 1030 : 1280, height: 900, deviceScaleFactor: 1, mobile: false });
			await send('Emulation.setEmulatedMedia', { media, features: [{ name: 'prefers-color-scheme', value: scheme }] });
			if (media === 'print') tell(`nothing is cut off on paper, ${scheme}`, await run(cut));
			if (!axe) continue;
			await run(readFileSync(axe, 'utf8') + ';0');
			tell(`axe finds nothing: ${media}, ${scheme}`, await run(`axe.run(document, { resultTypes: ['violations'] }).then(r =>
				r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ': ' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message)))`));
		}
	if (axe) {
		await send('Emulation.setDeviceMetricsOverride', { width: 390, height: 900, deviceScaleFactor: 1, mobile: true });
		await send('Emulation.setEmulatedMedia', { media: 'screen', features: [] });
		tell('axe finds nothing on a phone', await run(`axe.run(document, { resultTypes: ['violations'] }).then(r =>
			r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ': ' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message)))`));
	}
	end(failed ? 1 : 0);
} catch (e) {
	console.log(`not ok - ${e.message}`);
	end(1);
}
