# Run by CPack between the installation and the package: what Debian wants in its own way, and what
# makes two builds the same bytes.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(doc ${root}/usr/share/doc/weir)
set(epoch $ENV{SOURCE_DATE_EPOCH})

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# --- documentation: packed, with copyright and changelog ------------------------------------------
file(READ ${doc}/LICENSE licence)
file(REMOVE ${doc}/LICENSE)
string(REGEX REPLACE "^MIT License\n\n" "" licence "${licence}")
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" copyright "${licence}")
set(holder "${CMAKE_MATCH_1}")
string(REGEX REPLACE "^Copyright[^\n]*\n\n" "" licence "${licence}")
string(STRIP "${licence}" licence)
string(REGEX REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REPLACE "\n" "\n " licence " ${licence}")
file(WRITE ${doc}/copyright "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Weir

Files: *
Copyright: ${holder}
License: Expat
${licence}
")
run(${CPACK_WEIR_PYTHON} -B ${CPACK_WEIR_SOURCE_DIR}/packaging/debian/changelog.py ${CPACK_WEIR_SOURCE_DIR}/README.md
    ${CPACK_PACKAGE_VERSION} ${CPACK_PACKAGE_CONTACT} ${doc}/changelog)
file(GLOB pages ${root}/usr/share/man/man*/*)
run(gzip -9n ${doc}/changelog ${pages})
file(MAKE_DIRECTORY ${root}/usr/share/lintian/overrides)
configure_file(${CPACK_WEIR_SOURCE_DIR}/packaging/debian/lintian-overrides
    ${root}/usr/share/lintian/overrides/weir COPYONLY)

# --- libraries: dpkg-shlibdeps asks the packages of this machine, or of the sysroot ---------------
set(work ${CPACK_TOPLEVEL_DIRECTORY}/shlibs)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work}/debian)
file(WRITE ${work}/debian/control "Source: weir\n\nPackage: weir\nArchitecture: any\n")
set(where "")
if(CPACK_WEIR_SYSROOT)
    # Written by scripts/cross beside the libraries: which package has which.
    configure_file(${CPACK_WEIR_SYSROOT}/shlibs.local ${work}/debian/shlibs.local COPYONLY)
    set(where -l${CPACK_WEIR_SYSROOT}/lib/${CPACK_WEIR_TRIPLET} -l${CPACK_WEIR_SYSROOT}/usr/lib/${CPACK_WEIR_TRIPLET})
endif()
execute_process(COMMAND dpkg-shlibdeps -O ${where} ${root}/usr/bin/weir-ingestor ${root}/usr/bin/weir-server
    WORKING_DIRECTORY ${work} OUTPUT_VARIABLE found COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "shlibs:Depends=([^\n]*)" found "${found}")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "${CMAKE_MATCH_1}, ${CPACK_WEIR_DEPENDS}")

# --- the same bytes -------------------------------------------------------------------------------
run(chmod -R u=rwX,go=rX ${root})
if(epoch)
    run(find ${root} -exec touch -h -d @${epoch} {} +)
endif()
