/** Picture files on their way into the page: chosen, dropped or pasted. */

const NAMES = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|jp2|j2k|heic|heif)$/i;

const isPicture = (file) => file.type.startsWith('image/') || NAMES.test(file.name);

/** The state of a picture in the search box; raises if the file cannot be read. */
async function readPicture(file) {
  return { name: file.name, url: URL.createObjectURL(file), data: await dataUri(file) };
}

function dataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} could not be read.`));
    reader.readAsDataURL(file);
  });
}

let made = 0;

/** The state of a file on the classify tab. */
const subjectOf = (file) => ({
  key: `file:${(made += 1)}`,
  name: file.name,
  url: URL.createObjectURL(file),
  file,
});

/** Routes files: the classify tab classifies them, and everywhere else they are searched by. */
export async function receive(files, tab, send) {
  const pictures = [...files].filter(isPicture);
  if (!pictures.length) {
    const name = files[0]?.name;
    send({ type: 'complained', message: `${name ?? 'That'} is not a picture that can be read.` });
  } else if (tab === 'classify') {
    send({ type: 'subjectsAdded', files: pictures.map(subjectOf) });
  } else {
    await searchBy(pictures[0], send);
  }
}

async function searchBy(file, send) {
  try {
    send({ type: 'pictured', picture: await readPicture(file) });
  } catch (error) {
    send({ type: 'complained', message: error.message });
  }
}
