/** Makes the environments of Python that a whole run of the tests needs; beside the build, which has a core to itself. */
import { ensureAllPython, ensurePython } from './python.mjs'

ensureAllPython()
for (const name of ['deploy', 'packaging']) ensurePython(name)
