// sharp in a process of its own: `node worker.mjs SOURCE DESTINATION TIMES`, like worker.py, or
// `node worker.mjs --batch WORKERS DESTINATION SOURCE...` for many images.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import sharp from 'sharp'

const QUALITY = 80
sharp.cache(false)
sharp.concurrency(1)

async function halve(source, destination) {
  const animated = /\.(gif|webp)$/.test(source)
  const meta = await sharp(source, { animated }).metadata()
  const height = meta.pageHeight ?? meta.height
  const half = sharp(source, { animated }).resize(Math.ceil(meta.width / 2), Math.ceil(height / 2), {
    fit: 'fill'
  })
  const kind = path.extname(source)
  const output = {
    '.jpg': () => half.jpeg({ quality: QUALITY, chromaSubsampling: '4:2:0', progressive: meta.isProgressive }),
    '.png': () => half.png(),
    '.webp': () => half.webp({ quality: QUALITY, effort: 2 }),
    '.avif': () => half.avif({ quality: 75, effort: 1 }),
    '.gif': () => half.gif({ effort: 1 })
  }[kind]()
  await output.toFile(destination)
}

// resourceUsage().maxRSS includes what the parent had before exec.
function peakBytes() {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'ascii'))[1]) * 1024
}

const args = process.argv.slice(2)
if (args[0] === '--versions') {
  const own = JSON.parse(readFileSync(new URL('./node_modules/sharp/package.json', import.meta.url)))
  console.log(JSON.stringify({ sharp: own.version, vips: sharp.versions.vips, node: process.version }))
} else if (args[0] === '--batch') {
  const [workers, destination, ...sources] = args.slice(1)
  let next = 0
  const work = async () => {
    while (next < sources.length) {
      const source = sources[next++]
      await halve(source, path.join(destination, path.basename(source)))
    }
  }
  await Promise.all(Array.from({ length: Number(workers) }, work))
} else {
  const [source, destination, times] = args
  await halve(source, destination)
  const seconds = []
  for (let i = 0; i < Number(times); i++) {
    const started = process.hrtime.bigint()
    await halve(source, destination)
    seconds.push(Number(process.hrtime.bigint() - started) / 1e9)
  }
  console.log(JSON.stringify({ seconds, peak_bytes: peakBytes() }))
}
