// Text to tree. The limits come before the work: the YAML library composes recursively and would take seconds, or
// end the process (V8 aborts when it compiles a regular expression near the end of the stack), on hostile input.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { Findings } from './findings.ts'
import { emptyMap, type ListNode, type MapNode, type Place, type TreeNode } from './tree.ts'

const MOST_BYTES = 1 << 20
const MOST_LEXEMES = 80_000
const MOST_DEPTH = 100
const MOST_NODES = 100_000
const MOST_SYNTAX_ERRORS = 20

export interface ComposeFile {
  /** For messages only. */
  readonly path: string
  readonly text: string
}

export interface TreeOptions {
  /** Applied to every text value; what it throws becomes a problem at that value. */
  readonly expand: (text: string, path: string, place: Place) => string
}

/** The tree of a file's one document. Whatever is wrong goes to `findings`; then the tree is undefined or partial. */
export function treeOf(
  file: ComposeFile,
  findings: Findings,
  options: TreeOptions,
): TreeNode | undefined {
  const start = { file: file.path, line: 1, column: 1 }
  if (file.text.length > MOST_BYTES || Buffer.byteLength(file.text) > MOST_BYTES) {
    const mebibytes = (file.text.length / MOST_BYTES).toFixed(1)
    findings.refuse(file.path, `the file is too large (${mebibytes} MiB; at most 1 MiB)`, {
      hint: 'is this really a Compose file?',
    })
    return undefined
  }
  const lines = new LineCounter()
  const tokens = tokensOf(file, lines, findings)
  if (tokens === undefined) return undefined
  const document = documentOf(file, tokens, lines, findings)
  if (document === undefined) return undefined
  if (document.contents === null) return emptyMap(start)
  return new TreeBuilder(file.path, lines, findings, options).build(document.contents)
}

function tokensOf(
  file: ComposeFile,
  lines: LineCounter,
  findings: Findings,
): readonly CST.Token[] | undefined {
  const parser = new Parser(lines.addNewLine)
  const tokens: CST.Token[] = []
  let lexemes = 0
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(file.text)) {
    lexemes += 1
    for (const token of parser.next(lexeme)) tokens.push(token)
    const isTooDeep = parser.stack.length > MOST_DEPTH
    if (!isTooDeep && lexemes <= MOST_LEXEMES) continue
    const { line, col } = lines.linePos(parser.offset)
    const message = isTooDeep ? 'the file is nested too deep' : 'the file has too many parts'
    findings.refuse(`${file.path}:${line}:${col}`, message, {
      place: { file: file.path, line, column: col },
    })
    return undefined
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

function documentOf(
  file: ComposeFile,
  tokens: readonly CST.Token[],
  lines: LineCounter,
  findings: Findings,
): Document.Parsed | undefined {
  const [document, second] = composed(tokens, file.text.length)
  if (document === undefined) return undefined
  // An unknown tag or directive is a warning to the library; here nothing is ignored.
  const faults = [...document.errors, ...document.warnings]
  for (const { pos, message } of faults.slice(0, MOST_SYNTAX_ERRORS)) {
    const { line, col } = lines.linePos(pos[0])
    findings.refuse(`${file.path}:${line}:${col}`, `YAML: ${message}`, {
      place: { file: file.path, line, column: col },
    })
  }
  if (faults.length > 0) return undefined
  if (second !== undefined) {
    const { line, col } = lines.linePos(second.range[0])
    findings.refuse(`${file.path}:${line}:${col}`, 'the file holds more than one YAML document', {
      hint: 'remove the `---` and what follows',
      place: { file: file.path, line, column: col },
    })
    return undefined
  }
  return document
}

function composed(tokens: readonly CST.Token[], length: number): readonly Document.Parsed[] {
  // Duplicate keys are found by the builder: the library compares every key with every other.
  const composer = new Composer({ uniqueKeys: false, version: '1.2', logLevel: 'silent' })
  // The library makes an Error per mistake, and of 79,000 mistakes the stack traces cost six times the rest.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return [...composer.compose(tokens, true, length)]
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

class TreeBuilder {
  readonly #file: string
  readonly #lines: LineCounter
  readonly #findings: Findings
  readonly #options: TreeOptions
  /** `undefined` while the anchored node is being built: an alias inside it would never end. */
  readonly #anchors = new Map<string, TreeNode | undefined>()
  /** How many nodes a walk through the shared node meets. */
  readonly #sizes = new Map<TreeNode, number>()
  #size = 0

  constructor(file: string, lines: LineCounter, findings: Findings, options: TreeOptions) {
    this.#file = file
    this.#lines = lines
    this.#findings = findings
    this.#options = options
  }

  build(root: Node): TreeNode | undefined {
    const tree = this.#node(root, '')
    if (this.#size <= MOST_NODES) return tree
    this.#findings.refuse('', 'the file grows too large when its aliases are followed', {
      hint: 'use fewer anchors and aliases',
    })
    return undefined
  }

  #node(node: Node | null, path: string): TreeNode {
    const place = this.#placeOf(node)
    if (this.#size > MOST_NODES) return emptyMap(place)
    if (isAlias(node)) return this.#aliased(node.source, path, place)
    const sizeBefore = this.#size
    this.#size += 1
    const anchor = node !== null && 'anchor' in node ? node.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, undefined)
    const built = this.#built(node, path, place)
    if (anchor !== undefined) this.#anchors.set(anchor, built)
    this.#sizes.set(built, this.#size - sizeBefore)
    return built
  }

  #built(node: Node | null, path: string, place: Place): TreeNode {
    if (isMap(node)) return this.#map(node, path, place)
    if (isSeq(node)) return this.#list(node, path, place)
    if (isScalar(node)) return this.#scalar(node, path, place)
    return { kind: 'scalar', value: null, text: '', place }
  }

  #aliased(name: string, path: string, place: Place): TreeNode {
    const target = this.#anchors.get(name)
    if (target !== undefined) {
      this.#size += this.#sizes.get(target) ?? 1
      return target
    }
    const isInside = this.#anchors.has(name)
    const message = isInside
      ? `*${name} stands inside &${name}`
      : `there is no anchor &${name} above`
    this.#findings.refuse(path, message, { place })
    return emptyMap(place)
  }

  #list(node: YAMLSeq, path: string, place: Place): ListNode {
    const items = node.items.map((item, index) => this.#node(asNode(item), `${path}[${index}]`))
    return { kind: 'list', place, items }
  }

  #scalar(node: Scalar, path: string, place: Place): TreeNode {
    const { value } = node
    if (typeof value !== 'string') {
      const isPlain = typeof value === 'number' || typeof value === 'boolean'
      return { kind: 'scalar', value: isPlain ? value : null, text: node.source ?? '', place }
    }
    if (value.includes('\0')) {
      this.#findings.refuse(path, 'the value holds a NUL character', { place })
    }
    const text = this.#options.expand(value, path, place)
    return { kind: 'scalar', value: text, text, place }
  }

  #map(node: YAMLMap, path: string, place: Place): MapNode {
    const entries = new Map<string, TreeNode>()
    const merged: { readonly node: TreeNode; readonly place: Place }[] = []
    for (const pair of node.items) {
      const key = this.#key(pair, path)
      if (key === undefined) continue
      const keyPath = path === '' ? key : `${path}.${key}`
      if (entries.has(key) || (key === '<<' && merged.length > 0)) {
        const at = this.#placeOf(asNode(pair.key))
        this.#findings.refuse(keyPath, `the key ${key} is there twice`, { place: at })
      }
      const value = this.#node(asNode(pair.value), keyPath)
      if (key === '<<') merged.push({ node: value, place: this.#placeOf(asNode(pair.key)) })
      else entries.set(key, value)
    }
    for (const source of merged) this.#merge(entries, source.node, path, source.place)
    return { kind: 'map', place, entries }
  }

  /** What is already there wins; of several sources the first. https://yaml.org/type/merge.html */
  #merge(entries: Map<string, TreeNode>, source: TreeNode, path: string, place: Place): void {
    const sources = source.kind === 'list' ? source.items : [source]
    for (const each of sources) {
      if (each.kind !== 'map') {
        this.#findings.refuse(path, '<< takes a map or a list of maps', { place })
        continue
      }
      for (const [key, value] of each.entries) {
        this.#size += 1
        if (this.#size > MOST_NODES) return
        if (!entries.has(key)) entries.set(key, value)
      }
    }
  }

  #key(pair: Pair, path: string): string | undefined {
    const node = asNode(pair.key)
    const place = this.#placeOf(node)
    const isText = isScalar(node) && node.value !== null
    const key = isText ? (typeof node.value === 'string' ? node.value : node.source) : undefined
    if (key === undefined) {
      this.#findings.refuse(path, 'a key must be plain text', { place })
      return undefined
    }
    if (key === '__proto__' || key.includes('\0')) {
      this.#findings.refuse(path, 'this key cannot be used', { place })
      return undefined
    }
    return key
  }

  #placeOf(node: Node | null): Place {
    const { line, col } = this.#lines.linePos(node?.range?.[0] ?? 0)
    return { file: this.#file, line, column: col }
  }
}

/** The library's types leave open what its parser always gives: a node or nothing. */
function asNode(value: unknown): Node | null {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value) ? value : null
}
