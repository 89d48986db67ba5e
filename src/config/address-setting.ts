/**
 * Settings that say where members are: addresses and lists of them.
 */
import { z } from 'zod';
import type { Setting } from './setting.ts';

/** A member of a static list. */
export interface NamedAddress {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
}

const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^\s:,=[\]]+):(\d{1,5})$/;
/** Bytes of a member's name. */
export const LONGEST_NAME = 63;

/** The host (without brackets) and the port of an address; null when it is none. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } | null {
  const [, host = '', port = ''] = ADDRESS.exec(address) ?? [];
  if (host === '' || Number(port) > 65_535 || Number(port) === 0) return null;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** `host:port`, which may be left out. */
export function optionalAddressSetting(description: string): Setting<string | null> {
  const rule = 'must be an address like "10.0.0.1:4000"';
  const schema = z
    .string({ error: rule })
    .refine((text) => splitAddress(text) !== null, rule)
    .nullable();
  return { description, placeholder: '<host:port>', fallback: null, schema, print: (value) => value ?? '' };
}

/** Addresses with commas between them, which may be left out. */
export function addressListSetting(description: string): Setting<readonly string[] | null> {
  const rule = 'must be addresses like "10.0.0.1:4002,10.0.0.2:4002"';
  const schema = z
    .string({ error: rule })
    .transform((text, context) => {
      const addresses = text.split(',').map((part) => part.trim());
      if (addresses.every((address) => splitAddress(address) !== null)) return addresses;
      context.addIssue(rule);
      return z.NEVER;
    })
    .nullable();
  return { description, placeholder: '<list>', fallback: null, schema, print: (value) => value?.join(',') ?? '' };
}

/** `name=host:port` with commas between them, no name and no address twice; may be left out. */
export function memberListSetting(description: string): Setting<readonly NamedAddress[] | null> {
  const rule = 'must be members like "a=10.0.0.1:4002,b=10.0.0.2:4002", no name and no address twice';
  const schema = z
    .string({ error: rule })
    .transform((text, context) => {
      const members = text.split(',').map(parseMember);
      const found = members.filter((member) => member !== null);
      const names = new Set(found.map(({ name }) => name));
      const addresses = new Set(found.map(({ address }) => address));
      if (names.size === members.length && addresses.size === members.length) return found;
      context.addIssue(rule);
      return z.NEVER;
    })
    .nullable();
  const print = (value: readonly NamedAddress[] | null): string =>
    value?.map(({ name, address }) => `${name}=${address}`).join(',') ?? '';
  return { description, placeholder: '<list>', fallback: null, schema, print };
}

function parseMember(text: string): NamedAddress | null {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim();
  const address = text.slice(equals + 1).trim();
  if (name === '' || Buffer.byteLength(name) > LONGEST_NAME || splitAddress(address) === null) return null;
  return { name, address };
}
