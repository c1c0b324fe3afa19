#include "datasets/folder_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/error.h"
#include "core/text.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 32;  // of folders in folders: links may go in circles
constexpr std::size_t kEndingsShown = 6;
constexpr const char* kHidden = "hidden";  // no ending is called so, since those begin with a dot
constexpr const char* kNoEnding = "without ending";

/// What macOS, Windows, file servers, editors and git put beside people's files.
bool is_leftover(const std::string& name) {
  static constexpr std::string_view kNames[] = {
      "__macosx",          ".ds_store",   ".spotlight-v100",
      ".trashes",          ".fseventsd",  "thumbs.db",
      "ehthumbs.db",       "desktop.ini", "@eadir",
      "$recycle.bin",      ".directory",  ".localized",
      "lost+found",        ".nomedia",    "system volume information",
      ".ipynb_checkpoints"};
  if (name.starts_with("._") || name.starts_with(".git")) return true;
  return std::ranges::find(kNames, lower_case(name)) != std::end(kNames);
}

bool has_ending(const std::string& name, std::span<const std::string_view> endings) {
  const std::string ending = lower_case(fs::path(name).extension().string());
  return std::ranges::find(endings, ending) != endings.end();
}

/// ".jpg, .jpeg or .png"
std::string endings_text(const FileKind& kind) {
  std::string text;
  for (std::size_t i = 0; i < kind.endings.size(); ++i) {
    if (i > 0) text += i + 1 == kind.endings.size() ? " or " : ", ";
    text += kind.endings[i];
  }
  return text;
}

/// Of root/folder, or of root itself.
void collect(const std::string& root, const std::string& folder, const FileKind& kind, int depth,
             FolderFiles& files) {
  const std::string place = folder.empty() ? root : below(root, folder);
  if (depth > kMaxDepth) {
    throw UserError(ExitCode::data, place + ": lies more than " + std::to_string(kMaxDepth) +
                                        " folders deep; does a link lead in a circle?");
  }
  for (const FolderEntry& entry : entries_of(place)) {
    const std::string path = folder.empty() ? entry.name : below(folder, entry.name);
    if (entry.folder && !entry.hidden()) {
      collect(root, path, kind, depth + 1, files);
    } else if (is_of(kind, place, entry)) {
      files.found.push_back(path);
    } else {
      files.unread.add(entry);
    }
  }
}

}  // namespace

std::string lower_case(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::string below(const std::string& folder, const std::string& name) {
  return folder + (folder.ends_with('/') ? "" : "/") + name;
}

std::vector<FolderEntry> entries_of(const std::string& folder) {
  std::error_code error;
  std::vector<FolderEntry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;  // a link to nowhere is no folder
    FolderEntry entry{it->path().filename().string(), it->is_directory(ignored)};
    if (!is_leftover(entry.name)) entries.push_back(std::move(entry));
  }
  if (error) throw UserError(ExitCode::data, folder + ": " + error.message());
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

void UnreadFiles::add(const FolderEntry& entry) {
  const std::string ending = lower_case(fs::path(entry.name).extension().string());
  ++counts_[entry.hidden() ? kHidden : ending.size() < 2 ? kNoEnding : ending];
}

void UnreadFiles::add(const UnreadFiles& others) {
  for (const auto& [ending, count] : others.counts_) counts_[ending] += count;
}

std::size_t UnreadFiles::count() const {
  std::size_t sum = 0;
  for (const auto& [ending, count] : counts_) sum += count;
  return sum;
}

std::string UnreadFiles::text() const {
  std::vector<std::pair<std::string, std::size_t>> all(counts_.begin(), counts_.end());
  std::ranges::stable_sort(all, std::greater{}, [](const auto& pair) { return pair.second; });
  std::vector<std::string> parts;
  std::size_t rest = count();
  for (std::size_t i = 0; i < std::min(all.size(), kEndingsShown); ++i) {
    parts.push_back(std::to_string(all[i].second) + " " + escaped(all[i].first));
    rest -= all[i].second;
  }
  if (rest > 0) parts.push_back(std::to_string(rest) + " others");
  return join(parts, ", ");
}

bool UnreadFiles::has_other_formats(const FileKind& kind) const {
  return std::ranges::any_of(kind.other_formats, [&](std::string_view ending) {
    return counts_.contains(std::string(ending));
  });
}

bool is_of(const FileKind& kind, const std::string& folder, const FolderEntry& entry) {
  if (entry.folder || entry.hidden()) return false;
  if (has_ending(entry.name, kind.endings)) return true;
  return kind.recognizes && has_ending(entry.name, kind.other_formats) &&
         kind.recognizes(below(folder, entry.name));
}

bool is_of_other_format(const FileKind& kind, const FolderEntry& entry) {
  return !entry.folder && !entry.hidden() && has_ending(entry.name, kind.other_formats);
}

FolderFiles files_in(const std::string& folder, const FileKind& kind) {
  FolderFiles files;
  collect(folder, "", kind, 0, files);
  std::ranges::sort(files.found);
  return files;
}

FolderFiles some_files_in(const std::string& folder, const FileKind& kind) {
  FolderFiles files = files_in(folder, kind);
  if (files.found.empty()) fail_without_files(folder, files.unread, kind);
  return files;
}

std::string unread_note(const std::string& folder, const UnreadFiles& unread, std::size_t read,
                        const FileKind& kind) {
  const std::size_t count = unread.count();
  if (count == 0) return {};
  std::string note = folder + ": " + std::to_string(count) + " of " + std::to_string(read + count) +
                     " files " + (count == 1 ? "is" : "are") + " not read: " + unread.text() +
                     "; " + std::string(kind.name) + "s are the files that end in " +
                     endings_text(kind);
  if (unread.has_other_formats(kind)) note += "; " + std::string(kind.remedy);
  return note;
}

void fail_without_files(const std::string& folder, const UnreadFiles& unread, const FileKind& kind,
                        const std::string& hint) {
  const std::string remedy = unread.has_other_formats(kind) ? std::string(kind.remedy) : "";
  throw UserError(ExitCode::data,
                  folder + ": holds no " + std::string(kind.name) + " (" + endings_text(kind) +
                      ")" + (unread.count() > 0 ? ", but " + unread.text() : ""),
                  remedy.empty() ? hint : remedy);
}

std::vector<FolderEntry> Glance::entries(const std::string& folder) {
  std::vector<FolderEntry> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end && left_ > 0;
       it.increment(error), --left_) {
    std::error_code ignored;
    FolderEntry entry{it->path().filename().string(), it->is_directory(ignored)};
    if (!is_leftover(entry.name) && !entry.hidden()) found.push_back(std::move(entry));
  }
  std::ranges::sort(found, {}, &FolderEntry::name);
  return found;
}

bool Glance::holds_files(const std::string& folder) {
  return std::ranges::any_of(entries(folder),
                             [&](const FolderEntry& entry) { return is_of(kind_, folder, entry); });
}

bool Glance::holds_files_below(const std::string& folder, int depth) {
  if (depth > kMaxDepth) return true;  // links in a circle, which whoever reads it tells
  const std::vector<FolderEntry> all = entries(folder);
  return std::ranges::any_of(all, [&](const auto& entry) { return is_of(kind_, folder, entry); }) ||
         std::ranges::any_of(all, [&](const auto& entry) {
           return entry.folder && holds_files_below(below(folder, entry.name), depth + 1);
         });
}

std::vector<std::string> Glance::filled_folders(const std::string& folder) {
  std::vector<std::string> filled;
  for (const FolderEntry& entry : entries(folder)) {
    if (entry.folder && holds_files_below(below(folder, entry.name))) filled.push_back(entry.name);
  }
  return filled;
}

}  // namespace dl
