/**
 * Comparing a world with what the real implementation came to, at three levels: L0 the state of every node, L1 the messages
 * in flight as a multiset, L2 the leaders' progress.
 */
import type { InteractionEnv } from './interaction-env.ts';
import { type Json, type JsonObject, renderMessage, renderNode, renderProgress } from './render.ts';

/** What the data say about the world after a command. */
export interface ExpectedWorld {
  readonly net: readonly JsonObject[] | null;
  readonly nodes: readonly JsonObject[] | null;
}

export const LEVELS = ['L0', 'L1', 'L2'] as const;
export type Level = (typeof LEVELS)[number];

/** What differs, by level; a level without differences is absent. */
export type Differences = Partial<Record<Level, string>>;

/** A JSON text that is equal for equal values. */
function canonical(json: Json | undefined): string {
  if (json === undefined || json === null || typeof json !== 'object') return JSON.stringify(json ?? null);
  if (Array.isArray(json)) return `[${json.map(canonical).join(',')}]`;
  const keys = Object.keys(json).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(json[key])}`).join(',')}}`;
}

function without(object: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

/** The first difference between two lists of texts, or undefined. */
function difference(actual: readonly string[], expected: readonly string[]): string | undefined {
  const length = Math.max(actual.length, expected.length);
  for (let i = 0; i < length; i++) {
    if (actual[i] !== expected[i]) return `got ${actual[i] ?? 'nothing'}, expected ${expected[i] ?? 'nothing'}`;
  }
  return undefined;
}

/** Where the world differs from what is expected. */
export function compareWorld(env: InteractionEnv, expected: ExpectedWorld): Differences {
  const nodes = expected.nodes ?? [];
  const result: Differences = {};
  const note = (level: Level, text: string | undefined): void => {
    if (text !== undefined) result[level] = text;
  };
  note(
    'L0',
    difference(
      env.nodes.map((node) => canonical(renderNode(node))),
      nodes.map((node) => canonical(without(node, 'progress'))),
    ),
  );
  note(
    'L1',
    difference(
      env.messages.map((message) => canonical(renderMessage(message))).sort(),
      (expected.net ?? []).map(canonical).sort(),
    ),
  );
  note(
    'L2',
    difference(
      env.nodes.map((node) => canonical(renderProgress(node))),
      nodes.map((node) => canonical(node['progress'])),
    ),
  );
  return result;
}
