/**
 * Which version this is: that of the package it is a part of.
 */
import { readFileSync } from 'node:fs';

/** From the package's manifest, which lies above this file, in the sources as in the build; `unknown` when there is none. */
export function operatorVersion(): string {
  for (const above of ['../package.json', '../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(above, import.meta.url), 'utf8')) as Record<string, unknown>;
      const { name, version } = manifest;
      if (name === 'graveyar_db' && typeof version === 'string') return version;
    } catch {
      // The other one, then.
    }
  }
  return 'unknown';
}
