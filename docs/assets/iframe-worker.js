// Search in pages that are opened from disk. Browsers start no Worker for them, so the theme's search worker runs in a
// hidden frame instead. The theme's worker finds its languages by looking for the name IFrameWorker.
if (location.protocol === 'file:') {
  const frameLoaded = () => new Promise(resolve => {
    const frame = document.createElement('iframe')
    frame.hidden = true
    frame.srcdoc = '<!doctype html>'
    frame.onload = () => resolve(frame.contentWindow)
    document.body.append(frame)
  })

  const runScript = (scope, url) => new Promise((resolve, reject) => {
    const script = scope.document.createElement('script')
    script.onload = resolve
    script.onerror = () => reject(new Error(`${url} cannot be loaded`))
    script.src = url
    scope.document.body.append(script)
  })

  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.started = this.start(new URL(url, location.href).href)
    }

    async start(url) {
      const scope = await frameLoaded()
      scope.postMessage = data => this.dispatchEvent(new MessageEvent('message', { data }))
      scope.importScripts = async (...scripts) => {
        for (const script of scripts) await runScript(scope, new URL(script, url).href)
      }
      await runScript(scope, url)
      return scope
    }

    async postMessage(data) {
      const scope = await this.started
      scope.dispatchEvent(new MessageEvent('message', { data }))
    }
  }
}
