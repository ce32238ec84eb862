// Loads uPlot when the first chart is drawn; it is no module, and most of what the first paint does not need.

let loading = null;

/** The constructor of uPlot. */
export function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uPlot.iife.min.js", import.meta.url);
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => {
      loading = null;
      reject(new Error("The charts can't be loaded. Reload the page."));
    };
    document.head.append(script);
  });
  return loading;
}
