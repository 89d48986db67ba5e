/** Commit indexes travel with entries when they can, and not much later when they cannot. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CommitNotices, NOTICE_MILLIS } from '../../src/cluster/commit-notices.ts';
import type { Message } from '../../src/raft/messages.ts';
import { MessageType, newMessage } from '../../src/raft/messages.ts';
import { ManualClock } from '../support/manual-clock.ts';

const clock = { now: new ManualClock() };
const sent: Message[] = [];
let notices: CommitNotices;
beforeEach(() => {
  clock.now = new ManualClock();
  sent.length = 0;
  notices = new CommitNotices(clock.now, (messages) => sent.push(...messages));
});

function message(to: number, commit: number, parts: Partial<Message> = {}): Message {
  return Object.assign(newMessage(MessageType.MsgApp, to), { term: 1, index: commit, commit, ...parts });
}

function withEntries(to: number, commit: number, parts: Partial<Message> = {}): Message {
  return message(to, commit, { entries: [{ type: 0, term: 1, index: commit + 1, data: new Uint8Array(1) }], ...parts });
}

describe('a message that only tells a commit index', () => {
  it('is not sent when entries for the same follower tell it soon after', () => {
    const entries = withEntries(2, 8);
    expect(notices.pass([message(2, 7), message(3, 7)])).toEqual([]);
    expect(notices.pass([entries])).toEqual([entries]);
    clock.now.advance(NOTICE_MILLIS);
    expect(sent).toEqual([message(3, 7)]);
  });

  it('is sent after a moment when nothing else comes, the newest one of each follower', () => {
    notices.pass([message(2, 7), message(3, 7)]);
    clock.now.advance(NOTICE_MILLIS - 1);
    notices.pass([message(2, 8)]);
    expect(sent).toEqual([]);
    clock.now.advance(1);
    expect(sent).toEqual([message(2, 8), message(3, 7)]);
    clock.now.advance(10 * NOTICE_MILLIS);
    expect(sent.length).toBe(2);
  });

  it('waits no longer, whatever came and went before it', () => {
    notices.pass([message(2, 1)]);
    clock.now.advance(NOTICE_MILLIS - 1);
    notices.pass([withEntries(2, 2)]);
    notices.pass([message(2, 3)]);
    clock.now.advance(NOTICE_MILLIS - 1);
    expect(sent).toEqual([]);
    clock.now.advance(1);
    expect(sent).toEqual([message(2, 3)]);
  });

  it.each([MessageType.MsgHeartbeat, MessageType.MsgReadIndexResp, MessageType.MsgTimeoutNow])(
    'goes ahead of a message of type %i',
    (type) => {
      const other = message(2, 0, { type });
      notices.pass([message(2, 7), message(3, 7)]);
      expect(notices.pass([other])).toEqual([message(2, 7), other]);
      clock.now.advance(NOTICE_MILLIS);
      expect(sent).toEqual([message(3, 7)]);
    },
  );

  it('is not covered by entries of another term', () => {
    const entries = withEntries(2, 8, { term: 2 });
    notices.pass([message(2, 7)]);
    expect(notices.pass([entries])).toEqual([message(2, 7), entries]);
  });

  it('is sent at once on demand, and never after the end', () => {
    notices.pass([message(2, 7)]);
    notices.flush();
    expect(sent).toEqual([message(2, 7)]);
    notices.pass([message(2, 8)]);
    notices.stop();
    clock.now.advance(NOTICE_MILLIS);
    expect(sent.length).toBe(1);
  });
});
