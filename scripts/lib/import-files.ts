import { pathToFileURL } from 'node:url'

/* Several test files in one process: most of what a short one costs is loading what all of them load. */
for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href)
