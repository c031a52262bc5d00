const app = document.getElementById("app");
for (const element of document.querySelectorAll("script[data-records]")) {
  for (const record of JSON.parse(element.textContent ?? "[]")) {
    const line = document.createElement("p");
    line.textContent = record.OriginalObjectKey;
    app?.append(line);
  }
}
