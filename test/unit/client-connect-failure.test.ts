// What grpc-js says of a failed call, in plain words: above all whether there was a connection.
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { connectFailure, deadlinePassed, silence } from '../../src/client/connect-failure.ts';

const failed = (code: status, details: string): Error => Object.assign(new Error(details), { code, details });
const late = (info: string): Error =>
  failed(status.DEADLINE_EXCEEDED, `Deadline exceeded after 3.001s,name resolution: 0.002s,${info}`);

describe('a call whose deadline passed', () => {
  it('had no connection when it was never given one, and had one otherwise', () => {
    expect(connectFailure(late('Waiting for LB pick'))).toBe(silence);
    expect(connectFailure(late('wait_for_ready,Waiting for LB pick'))).toBe(silence);
    expect(connectFailure(late('LB pick: 0.001s,remote_addr=10.0.0.1:4000'))).toBeNull();
    expect(connectFailure(late('remote_addr=10.0.0.1:4000'))).toBeNull();
    expect(connectFailure(failed(status.UNAVAILABLE, 'Waiting for LB pick'))).toBeNull();
  });

  it('is told from one that the server ended', () => {
    expect(deadlinePassed(late('remote_addr=10.0.0.1:4000'))).toBe(true);
    expect(deadlinePassed(failed(status.DEADLINE_EXCEEDED, 'the append took too long'))).toBe(false);
    expect(deadlinePassed(new Error('Deadline exceeded after 1s'))).toBe(false);
  });
});
