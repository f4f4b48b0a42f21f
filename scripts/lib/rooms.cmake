# A room is a folder of sources, one static library of its own name, and the arrows that
# rooms.txt gives it.
#
# weir_room([LIBRARIES lib...] [SOURCES made...] [INCLUDES dir...]), called by the room's
# CMakeLists.txt, makes
#   weir_<room>         the library; whoever links it gets what it uses
#   weir_<room>_alone   the whole of it, linked with nothing but what it may use: an undefined
#                       symbol is a call against the arrows. Sanitizer runtimes are no rooms, so not
#                       in those builds.
#
# Sources are globbed: in this tree a file is a module, and a list of files beside the folder would
# be a second place for the same fact. CONFIGURE_DEPENDS notices new files at the next build.

set(WEIR_ROOMS_TABLE ${CMAKE_CURRENT_LIST_DIR}/rooms.txt)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${WEIR_ROOMS_TABLE})

# The libraries of the rooms that `folder` may use.
function(weir_room_uses folder out)
    file(STRINGS ${WEIR_ROOMS_TABLE} row REGEX "^${folder}( |$)")
    if(NOT row)
        message(FATAL_ERROR "${folder} has no row in scripts/lib/rooms.txt")
    endif()
    string(REGEX REPLACE "/[a-z_]+\\.h" "" row "${row}")
    string(REGEX MATCHALL "[^ ]+" words "${row}")
    list(POP_FRONT words)
    list(TRANSFORM words PREPEND weir_)
    set(${out} ${words} PARENT_SCOPE)
endfunction()

function(weir_room)
    cmake_parse_arguments(PARSE_ARGV 0 room "" "" "LIBRARIES;SOURCES;INCLUDES")
    cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE folder)
    cmake_path(GET folder FILENAME name)
    weir_room_uses(${folder} uses)
    file(GLOB sources CONFIGURE_DEPENDS *.c)
    add_library(weir_${name} STATIC ${sources} ${room_SOURCES})
    target_include_directories(weir_${name} SYSTEM PUBLIC ${room_INCLUDES})
    target_link_libraries(weir_${name} PUBLIC weir_flags ${uses} ${room_LIBRARIES})
    if(NOT WEIR_SANITIZE)
        # CMake wants a source of its own.
        file(CONFIGURE OUTPUT alone.c CONTENT "typedef int nothing;\n")
        add_library(weir_${name}_alone MODULE ${CMAKE_CURRENT_BINARY_DIR}/alone.c)
        target_link_libraries(weir_${name}_alone PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,weir_${name}>)
        target_link_options(weir_${name}_alone PRIVATE -Wl,--no-undefined)
    endif()
endfunction()
