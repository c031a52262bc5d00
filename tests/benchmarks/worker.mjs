// sharp in a process of its own: `node worker.mjs SOURCE DESTINATION TIMES`, like worker.py, or
// `node worker.mjs --batch WORKERS DESTINATION SOURCE...` for many images.
import { mkdirSync, readFileSync } from 'node:fs'
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

// The four renditions of worker.py, as sharp's documentation makes several outputs of one input.
async function renditions(source, folder) {
  mkdirSync(folder, { recursive: true })
  const input = sharp(source)
  await Promise.all([
    input.clone().resize(2000, 1500, { fit: 'fill' }).jpeg({ quality: 80, chromaSubsampling: '4:2:0' }).toFile(path.join(folder, 'half')),
    input.clone().resize(1600, 1600, { fit: 'inside' }).webp({ quality: 82, effort: 2 }).toFile(path.join(folder, 'web')),
    input.clone().resize(320, 320, { fit: 'cover' }).avif({ quality: 74, effort: 1 }).toFile(path.join(folder, 'square')),
    input.clone().resize(64, 64, { fit: 'inside' }).webp({ quality: 40, effort: 2 }).toFile(path.join(folder, 'blur'))
  ])
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
  const work = args[0] === '--renditions' ? renditions : halve
  const [source, destination, times] = args[0] === '--renditions' ? args.slice(1) : args
  await work(source, destination)
  const seconds = []
  for (let i = 0; i < Number(times); i++) {
    const started = process.hrtime.bigint()
    await work(source, destination)
    seconds.push(Number(process.hrtime.bigint() - started) / 1e9)
  }
  console.log(JSON.stringify({ seconds, peak_bytes: peakBytes() }))
}
