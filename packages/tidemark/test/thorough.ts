/**
 * Crash tests do all that they can, not only what the suite has time for: `npm test -- --thorough`. Without it each point is
 * killed once, not at several passages and on every backend.
 */
export const THOROUGH: boolean = process.env['THOROUGH_TESTS'] === '1'
