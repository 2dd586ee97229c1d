// The photograph with what was found in it, as one SVG in pixels of the photograph.
// The service counts from the centre of the upper left pixel, an SVG from its corner: the group of marks is moved by half a pixel.

const SVG = "http://www.w3.org/2000/svg";
const SAMPLE = 40; // cells of a code whose nearest neighbour is looked for
const MARGIN = 0.35; // around a code that is shown closely, as a share of its size

function element(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

// Distance of neighbouring cells: the median over some of them.
function pitch(cells) {
  const step = Math.max(1, Math.floor(cells.length / SAMPLE));
  const nearest = [];
  for (let k = 0; k < cells.length; k += step) {
    let least = Infinity;
    cells.forEach(([x, y], other) => {
      if (other !== k) least = Math.min(least, Math.hypot(x - cells[k][0], y - cells[k][1]));
    });
    nearest.push(least);
  }
  return nearest.sort((a, b) => a - b)[Math.floor(nearest.length / 2)];
}

function triples(numbers) {
  const found = [];
  for (let k = 0; k < numbers.length; k += 3) found.push(numbers.slice(k, k + 3));
  return found;
}

// Dots as one path of strokes without length: thousands of cells stay quick.
function dots(cells, colour, rim, size, parent) {
  const path = cells.map(([x, y]) => `M${x} ${y}h0`).join("");
  for (const [stroke, width] of [[rim, 0.62], [colour, 0.4]]) {
    element("path", { d: path, class: "cells", stroke, "stroke-width": width * size }, parent);
  }
}

export class Picture {
  constructor(svg, whole) {
    this.svg = svg;
    this.button = whole;
    whole.addEventListener("click", () => this.showWhole());
  }

  // Begins anew, with the address, width and height of a photograph.
  show(address, width, height) {
    this.svg.replaceChildren();
    this.size = [width, height];
    element("image", { href: address, width, height }, this.svg);
    this.marks = element("g", { transform: "translate(0.5 0.5)" }, this.svg);
    this.showWhole();
  }

  showWhole() {
    this.svg.setAttribute("viewBox", `0 0 ${this.size[0]} ${this.size[1]}`);
    this.button.hidden = true;
  }

  // Shows the part of the photograph around some points.
  showClosely(points) {
    const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
    const left = Math.min(...xs), top = Math.min(...ys);
    const width = Math.max(...xs) - left, height = Math.max(...ys) - top;
    const margin = MARGIN * Math.max(width, height);
    this.svg.setAttribute("viewBox", [left - margin, top - margin, width + 2 * margin, height + 2 * margin].join(" "));
    this.button.hidden = false;
  }

  // Entries of predictions.json: v is 2 for black cells.
  drawCells(found) {
    for (const code of found) {
      const cells = triples(code.keypoints);
      const size = pitch(cells);
      dots(cells.filter(([, , v]) => v === 2), "#000", "#fff", size, this.marks);
      dots(cells.filter(([, , v]) => v !== 2), "#fff", "#000", size, this.marks);
    }
  }

  drawOutlines(read) {
    for (const code of read) {
      element("polygon", { points: code.corners.map((corner) => corner.join(",")).join(" "), class: "outline" }, this.marks);
    }
  }
}
