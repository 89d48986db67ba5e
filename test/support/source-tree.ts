/**
 * The project's files as the tidy test sees them: what is committed or about to be, and what each TypeScript file imports,
 * read with the compiler's own parser. Knows no rule.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The checkout's top. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface SourceFile {
  /** Relative to the top, with `/`. */
  readonly path: string;
  readonly text: string;
  /** What it imports, type-only imports included: project files by path, everything else as written. */
  readonly imports: readonly string[];
  readonly tree: ts.SourceFile;
}

/** Every file that is committed, or new and not ignored; sorted. */
export function listFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: ROOT });
  return listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(`${ROOT}/${path}`))
    .sort();
}

/** Reads and parses one TypeScript file. */
export function parseSource(path: string): SourceFile {
  const text = readFileSync(`${ROOT}/${path}`, 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: string[] = [];
  visit(tree, (node) => {
    const specifier = specifierOf(node);
    if (specifier !== null) imports.push(resolve(path, specifier));
  });
  return { path, text, imports, tree };
}

/** Calls `look` for the node and everything below it. */
export function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => {
    visit(child, look);
  });
}

function specifierOf(node: ts.Node): string | null {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : null;
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return node.argument.literal.text;
  }
  if (ts.isCallExpression(node)) {
    const [argument] = node.arguments;
    const loads =
      node.expression.kind === ts.SyntaxKind.ImportKeyword ||
      (ts.isIdentifier(node.expression) && node.expression.text === 'require');
    if (loads && argument !== undefined && ts.isStringLiteral(argument)) return argument.text;
  }
  return null;
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : specifier;
}
