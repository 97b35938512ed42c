import { Inode } from './inode.ts'
import type { CrashRandom } from './random.ts'

export type Node = Inode | 'directory'

/** A change of names since the last sync of its directory. */
interface NameChange {
  readonly directory: string
  readonly kind: 'add' | 'remove' | 'rename'
  readonly path: string
  readonly node: Node | null
  readonly to: string
}

/** `.` and the empty path are the same directory. */
function root(directory: string): string {
  return directory === '.' ? '' : directory
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at === 0 ? '/' : root(path.slice(0, Math.max(at, 0)))
}

/** The names of a MemDisk: as they are, and as a crash would surely leave them. */
export class Names {
  #now = new Map<string, Node>()
  #durable = new Map<string, Node>()
  #changes: NameChange[] = []

  get(path: string): Node | undefined {
    return path === '' || path === '.' || path === '/' ? 'directory' : this.#now.get(path)
  }

  /** Files as they are now, each once. */
  inodes(): Set<Inode> {
    return filesOf(this.#now)
  }

  /** Also those that a crash may bring back. */
  allInodes(): Set<Inode> {
    return new Set([...filesOf(this.#now), ...filesOf(this.#durable)])
  }

  list(directory: string): string[] {
    const prefix = directory === '' || directory.endsWith('/') ? directory : `${directory}/`
    const names: string[] = []
    for (const path of this.#now.keys()) {
      if (path.startsWith(prefix) && path.length > prefix.length && !path.includes('/', prefix.length)) {
        names.push(path.slice(prefix.length))
      }
    }
    return names.sort()
  }

  add(path: string, node: Node): void {
    this.#change({ directory: parentOf(path), kind: 'add', path, node, to: '' })
  }

  remove(path: string): void {
    this.#change({ directory: parentOf(path), kind: 'remove', path, node: null, to: '' })
  }

  /** Within one directory, as all of ours are. */
  rename(path: string, to: string): void {
    this.#change({ directory: parentOf(to), kind: 'rename', path, node: this.#now.get(path) ?? null, to })
  }

  #change(change: NameChange): void {
    this.#changes.push(change)
    apply(this.#now, change)
  }

  sync(directory: string): void {
    const left: NameChange[] = []
    for (const change of this.#changes) {
      if (change.directory === root(directory)) apply(this.#durable, change)
      else left.push(change)
    }
    this.#changes = left
  }

  /** Of each directory's changes a prefix survives, and of its removals only some: file systems delay those further. */
  crash(random: CrashRandom): void {
    const byDirectory = new Map<string, NameChange[]>()
    for (const change of this.#changes) {
      const list = byDirectory.get(change.directory)
      if (list === undefined) byDirectory.set(change.directory, [change])
      else list.push(change)
    }
    for (const changes of byDirectory.values()) {
      const kept = random.below(changes.length + 1)
      for (let i = 0; i < kept; i++) {
        const change = changes[i] as NameChange
        if (change.kind !== 'remove' || random.below(2) === 1) apply(this.#durable, change)
      }
    }
    this.#changes = []
    for (const path of this.#durable.keys()) if (!this.#reachable(path)) this.#durable.delete(path)
    this.#now = new Map(this.#durable)
  }

  #reachable(path: string): boolean {
    const parent = parentOf(path)
    if (parent === '' || parent === '/') return true
    return this.#durable.get(parent) === 'directory' && this.#reachable(parent)
  }
}

function filesOf(names: Map<string, Node>): Set<Inode> {
  const inodes = new Set<Inode>()
  for (const node of names.values()) if (node instanceof Inode) inodes.add(node)
  return inodes
}

function apply(names: Map<string, Node>, change: NameChange): void {
  if (change.kind === 'remove' || change.kind === 'rename') names.delete(change.path)
  if (change.node !== null) names.set(change.kind === 'rename' ? change.to : change.path, change.node)
}
