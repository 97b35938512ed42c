import { taskStateName } from '../checkpoint/lineage.ts'

/** Where a task keeps its state files. */
export function stateDirectory(dataDir: string, task: number, lineage: number): string {
  return `${dataDir}/state/${taskStateName(lineage, task)}`
}
