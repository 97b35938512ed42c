Reflect.set(globalThis, 'loaded', 'a module')
