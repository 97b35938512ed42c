export { editDistance, nearest, suggestion } from '../errors/nearest.ts'
