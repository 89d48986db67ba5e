// What cannot happen in a simulated run is not tested by it: the first seeds must reach each of these situations.
import { describe, expect, it } from 'vitest';

import { runSeed } from './simulation.ts';

const SEEDS = 60;

const SITUATIONS: Readonly<Record<string, RegExp>> = {
  'a crash that keeps nothing unsynced': /crash none/,
  'a crash that keeps everything': /crash all/,
  'a crash that keeps a prefix': /crash prefix/,
  'a crash that keeps any sectors': /crash sectors/,
  'a process that ends on a failed write': /ended .*input\/output error \(write\)/,
  'a process that ends on a failed sync': /ended .*input\/output error \(sync\)/,
  'a damaged log that is refused': /ended .*is damaged/,
  'an empty disk under an old identity that is refused': /ended the disk is not that of this member/,
  'a snapshot that arrives': /MsgSnap .* arrives/,
  'a snapshot that is lost': /MsgSnap .* lost/,
  'a rejected append': /MsgAppResp .* REJECTED/,
  'a transfer of leadership': /MsgTimeoutNow .* arrives/,
  'a forwarded proposal': /MsgProp .* arrives/,
  'a read at a follower': /MsgReadIndexResp .* arrives/,
  'a leader of a later term': /is Leader in term ([5-9]|\d\d)/,
  'a member that is promoted or added': /FAULT proposed .*"type":0/,
  'a member that is removed': /FAULT proposed .*"type":1/,
  'a joint change that is left by itself': /FAULT proposed .*"transition":1/,
  'a joint change that is left on request': /FAULT proposed \{"transition":0,"changes":\[\]/,
  'a change that comes too early': /FAULT proposed .*possible unapplied conf change/,
  'a paused machine': /pause/,
  'a machine that stays deaf at the end': /stays broken deaf/,
  'a machine that stays mute at the end': /stays broken mute/,
};

describe('simulated runs', () => {
  it('reach every situation', { timeout: 180_000 }, async () => {
    const missing = new Map(Object.entries(SITUATIONS));
    for (let seed = 1; seed <= SEEDS && missing.size > 0; seed++) {
      const { lines, violation } = await runSeed({ seed, keepLines: Infinity });
      expect(violation).toBeNull();
      const text = lines.join('\n');
      for (const [name, pattern] of missing) if (pattern.test(text)) missing.delete(name);
    }
    expect([...missing.keys()]).toEqual([]);
  });
});
