/**
 * Loaded in front of a program (`node --import`), plants the fault that PLANTED_FAULT names into the source as it is
 * loaded. Nothing in `src` knows of it. Throws when the text to replace is not there exactly once, or no file was changed.
 */
import { registerHooks } from 'node:module';

import { FAULTS } from './table.ts';

const ROOT = new URL('../../', import.meta.url).href;
const name = process.env['PLANTED_FAULT'];
const fault = FAULTS.find((candidate) => candidate.name === name);
if (fault === undefined) throw new Error(`PLANTED_FAULT ${name ?? ''} names no fault of the table`);

/** The source with the fault in it. */
function plant(source: string, { file, find, replace }: typeof fault & object): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: the text to replace occurs ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

let planted = false;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== ROOT + fault.file || loaded.source == null) return loaded;
    planted = true;
    const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: plant(text, fault) };
  },
});

process.on('exit', () => {
  if (planted) return;
  console.error(`the fault ${fault.name} was not planted: ${fault.file} was not loaded`);
  process.exitCode = 2;
});
