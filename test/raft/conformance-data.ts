/**
 * The public conformance data of etcd-raft, read from beside the checkout (`../shared/raft-conformance`).
 *
 * Absent on a user's machine: then the tests are skipped and say so. In CI (`CI=true`) its absence is a failure.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program, ProgramStep } from './harness/program.ts';

const FOLDER = new URL('../../../shared/raft-conformance', import.meta.url).pathname;

/** Whether the data are there. Prints when not; throws in CI. */
export function hasConformanceData(): boolean {
  if (existsSync(FOLDER)) return true;
  if (process.env['CI'] === 'true') throw new Error('../shared/raft-conformance is missing, and CI must run on it');
  console.warn('skipped: ../shared/raft-conformance is not on this machine');
  return false;
}

function readLines(path: string): string[] {
  return readFileSync(join(FOLDER, path), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** A case of quorum.json. */
export interface QuorumCase {
  readonly file: string;
  readonly cmd: 'committed' | 'vote';
  readonly cfg?: readonly string[];
  readonly cfgj?: readonly string[];
  readonly idx?: readonly string[];
  readonly votes?: readonly string[];
  readonly expect: string;
}

/** A file of confchange.json. */
export interface ConfChangeFile {
  readonly file: string;
  readonly steps: readonly { readonly cmd: string; readonly input: string; readonly expect: readonly string[] }[];
}

export function readQuorumCases(): QuorumCase[] {
  return JSON.parse(readFileSync(join(FOLDER, 'quorum.json'), 'utf8')) as QuorumCase[];
}

export function readConfChangeFiles(): ConfChangeFile[] {
  return JSON.parse(readFileSync(join(FOLDER, 'confchange.json'), 'utf8')) as ConfChangeFile[];
}

/** The scripts, with the state of the world after every stanza. */
export function readScripts(): Program[] {
  const files = readdirSync(join(FOLDER, 'interaction')).filter((name) => name.endsWith('.jsonl'));
  return files.sort().map((name) => ({
    id: name.replace('.jsonl', ''),
    steps: readLines(join('interaction', name)).map((line) => JSON.parse(line) as ProgramStep),
  }));
}

/** Names of the scripts in their original text form. */
export function scriptNames(): string[] {
  const names = readdirSync(join(FOLDER, 'scripts')).filter((name) => name.endsWith('.txt'));
  return names.map((name) => name.replace('.txt', '')).sort();
}

/** Command lines of a script in its text form, one a stanza. */
export function scriptCommands(name: string): string[] {
  const commands: string[] = [];
  let isExpected = false;
  let isInput = false;
  for (const line of readFileSync(join(FOLDER, 'scripts', `${name}.txt`), 'utf8').split('\n')) {
    if (line === '----') isExpected = true;
    else if (line === '') isExpected = isInput = false;
    else if (!isExpected && !isInput && !line.startsWith('#')) {
      commands.push(line);
      isInput = true;
    }
  }
  return commands;
}

export function readPrograms(): Program[] {
  return readLines('programs.jsonl').map((line) => JSON.parse(line) as Program);
}
