/*
 * Most rules, in one process: they look at the same syntax trees, which take longer to make than to look at. Each has its
 * tests in a file of its own.
 */
import './coverage-rules.ts'
import './layers-rules.ts'
import './packages-rules.ts'
import './shape-rules.ts'
import './words-rules.ts'
