<?php
// Reads a list of files from its input and prints what PHP sees in each: an array, or null where it sees none.
// Run by tests/support/parsers.py, with allow_url_include.
error_reporting(0);
$seen = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $file) {
    try {
        $found = include 'data://text/plain;base64,' . base64_encode($file['text']);
    } catch (Throwable $error) {
        $found = null;
    }
    $seen[] = json_encode($found, JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_UNICODE) ?: 'null';
}
echo '[' . implode(',', $seen) . ']';
