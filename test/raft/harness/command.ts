/** A command of an interaction script, in the form of the public data: name, arguments, optional input lines. */

export interface Command {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly input?: string;
}

/** An argument: a word, or a key with one or more values (`drop=(2, 3)`). */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** Splits an argument; `values` is empty for a word. */
export function parseArgument(text: string): Argument {
  const at = text.indexOf('=');
  if (at < 0) return { key: text, values: [] };
  const value = text.slice(at + 1);
  const list = value.startsWith('(') ? value.slice(1, -1).split(',') : [value];
  return { key: text.slice(0, at), values: list.map((item) => item.trim()).filter((item) => item !== '') };
}

/** The words of a command as numbers: node ids, in most commands. */
export function ids(command: Command): number[] {
  return command.args
    .map(parseArgument)
    .filter(({ values }) => values.length === 0)
    .map(({ key }) => Number(key));
}

/** The first value of a key, if it is there. */
export function value(command: Command, key: string): string | undefined {
  return command.args.map(parseArgument).find((argument) => argument.key === key)?.values[0];
}

/** All values of a key. */
export function values(command: Command, key: string): string[] {
  return command.args
    .map(parseArgument)
    .filter((argument) => argument.key === key)
    .flatMap((argument) => argument.values);
}
