# Turns the page's files into one C file of byte arrays (struct web_asset,
# cmd/server/web/web_assets.h), or another room's into a table of another name. Called at build
# time: cmake -DOUT=... -DTABLE=web_assets -DFILES="a;b" -P embed.cmake
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
    get_filename_component(name ${file} NAME)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char asset_${index}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${name}\", asset_${index}, sizeof asset_${index} - 1},\n")
    math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT} "#include \"cmd/server/web/web_assets.h\"\n\n${arrays}\nextern const struct web_asset ${TABLE}[];\nconst struct web_asset ${TABLE}[] = {\n${table}    {0, 0, 0},\n};\n")
